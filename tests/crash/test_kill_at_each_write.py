"""A real daemon, SIGKILLed at each write of its journal and started again: always the same ending."""

from __future__ import annotations

import sys
import uuid
from pathlib import Path

import pytest

from metadata_server.config import ClockKind
from metadata_server.testing import ServedEmulator, serve_in_thread, vms
from tests.sidecar import Sidecar
from tests.until import until

WRITES = 11
"""One more than a whole episode writes."""


def _revived(one: Sidecar) -> bool:
    """Start the daemon again, as it is shipped, if it was killed; whether it was."""
    assert one.process is not None
    if one.process.poll() is None:
        return False
    assert one.process.returncode == -9, one.log.read_text(encoding="utf-8")[-2000:]
    one.start()
    return True


def _status(platform: ServedEmulator, event: str) -> str:
    listed = {e["id"]: e["status"] for e in platform.control.show("events")["events"]}
    return str(listed.get(event, "gone"))


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("number", range(1, WRITES + 1))
def test_kill_at_each_step(tmp_path: Path, number: int, when: str) -> None:
    """Whatever write the daemon dies at, the event is acknowledged and the VM ends as it began."""
    vm = f"vm-{uuid.uuid4()}"
    with serve_in_thread(vms(vm), clock=ClockKind.REAL) as platform:
        one = Sidecar(tmp_path, platform.url(vm))
        prefix = [sys.executable, "-m", "tests.crash.dying_daemon", str(number), when]
        try:
            one.start(prefix=prefix)
            event = str(platform.control.give("schedule", type="Reboot", vms=[vm], in_="60s")["id"])
            until(
                lambda: not _revived(one) and _status(platform, event) == "Started",
                "the event to be approved",
            )
            assert one.marker.exists()
            platform.control.give("complete", id=event)
            until(
                lambda: not _revived(one) and one.journal() and one.journal()[-1]["kind"] == "closed",
                "the episode to close",
            )
            assert not one.marker.exists()
            if number < WRITES:
                until(lambda: one.starts > 1 or _revived(one), "the daemon to have died")
            assert (one.starts == 1) is (number == WRITES), "only the last number is past the last write"
            one.until_said("daemon.started", times=one.starts)
            assert one.stop() == 0
        finally:
            one.close()
