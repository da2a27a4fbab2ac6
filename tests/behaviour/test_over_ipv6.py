"""A whole episode where everything that the daemon speaks to is on an IPv6 address."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

from tests.azure import azure


def test_out_of_the_pool_and_back_over_ipv6(tmp_path: Path) -> None:
    """Metadata service, identity, management API over TLS and the application on ::1, nothing on IPv4."""
    with azure(tmp_path, host="::1") as stand:
        before, tags = stand.bare, stand.nic.get("tags")
        one = stand.start()
        for url in (one.metadata_url, stand.platform.management_url, stand.platform.control_url):
            assert "//[::1]:" in url
        one.until_said("daemon.started")
        event = stand.schedule(in_="4m")
        one.until_said("acknowledge.done")
        assert stand.pools == []
        stand.complete(event)
        one.until_said("episode.closed")
        assert (stand.bare, stand.nic.get("tags"), stand.pools) == (before, tags, ["web"])
        assert [name for name, _ in groupby(one.steps())] == ["cordon", "isolate", "acknowledge", "restore"]
