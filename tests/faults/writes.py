"""A daemon whose writes to the management API go wrong: what is broken, and what must hold at the end.

A write beside one that still runs is refused by this stand, so that two in flight would be seen.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from metadata_server.topology import PoolKind
from tests.azure import AzureStand, azure
from tests.until import until

NOWHERE = "http://127.0.0.1:1/"
SHIPPED = "shipped"
"""A lost write may land for the shipped two minutes; else for so many seconds."""

NOTICE = "290s"
WITHIN_S = 240.0

MORE: dict[str, dict[str, object]] = {
    "429": {"retry": 1},
    "slow": {"delay": "3s"},
    "redirect": {"location": NOWHERE},
}

LANDS = frozenset({"drop-after", "slow", "malformed", "truncated", "reset-body", "duplicated"})
"""Kinds under which the write is done all the same."""

LOST = frozenset({"drop-after", "truncated", "reset-body", "duplicated"})
"""Kinds under which it is done, and runs on while the client knows nothing of it."""

FOLLOWED = frozenset({"malformed", "slow"})
"""Kinds under which the client can follow it: the address of the operation stands in a header."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """One daemon on one stand, over any number of episodes. `owner`: the VM as it was before all of them.

    `seen`: the same, now; `out`: no new work comes in.
    """

    stand: AzureStand
    owner: object
    seen: Callable[[], object]
    out: Callable[[], bool]

    # --- what is done to it ---

    def spoil(self, kind: str, *, every: int = 1, times: int = 0) -> None:
        """Writes of this VM meet this fault, beside the faults that are in force already."""
        more = {**MORE.get(kind, {}), "method": "PUT", "vm": self.stand.vm}
        self.stand.fault(kind, every=every, times=times, **more)

    def slow_down(self, *kinds: str) -> None:
        """Where a lost write runs on, so long that whoever does not wait for it would meet it."""
        takes = "1500ms" if LOST & {*kinds} else "300ms"
        self.stand.platform.control.give("switch", name="operation-time", value=takes)

    def announce(self) -> str:
        return self.stand.schedule(in_=NOTICE)

    def taken_out(self, *, episode: int = 1) -> None:
        """Wait until it is out and acknowledged."""
        self.stand.sidecar.until_said("acknowledge.done", times=episode, within_s=WITHIN_S)
        assert self.out(), "acknowledged while it takes work"

    def closed(self, *, episode: int = 1) -> None:
        """Wait for the end of this episode, and look at everything that must hold there."""
        one = self.stand.sidecar
        one.until_said("episode.closed", times=episode, within_s=WITHIN_S)
        assert self.seen() == self.owner
        assert one.journal()[-1]["kind"] == "closed"
        assert not one.marker.exists()
        assert (one.runs, one.starts) == (True, 1)
        assert "bug.survived" not in one.events()

    # --- what was met ---

    def hits(self) -> list[int]:
        """How often each fault in force was met."""
        return [int(each["hits"]) for each in self.stand.platform.control.show("arm-faults")["faults"]]

    def until_hit(self, times: int) -> None:
        """Wait until the only fault in force was met so often."""
        until(lambda: self.hits()[0] >= times, f"{times} spoiled writes", within_s=WITHIN_S)

    def refused_beside_another(self) -> int:
        """Writes that were answered 409: by a fault of that name, or since another one still ran."""
        asked = self.stand.platform.requests()
        return sum(each["method"] == "PUT" and each["status"] == 409 for each in asked)


def by_interface(stand: AzureStand) -> object:
    """The VM's interface as its owner sees it: byte for byte, its tags, its pools."""
    return stand.bare, stand.nic.get("tags"), stand.pools


def by_balancer(stand: AzureStand) -> object:
    """The pools of the balancer, byte for byte, whoever stands in them."""
    pools = stand.platform.resource(f"{_group(stand)}/loadBalancers/lb")["properties"]["backendAddressPools"]
    return json.dumps([each["properties"]["loadBalancerBackendAddresses"] for each in pools])


def _group(stand: AzureStand) -> str:
    return stand.interface.rpartition("/networkInterfaces/")[0]


@contextmanager
def writing(root: Path, *, settles: str) -> Iterator[Writing]:
    """A daemon that has started and waits."""
    with azure(root, concurrent_write="409") as stand:
        seen = partial(by_interface, stand)
        one = Writing(stand=stand, owner=seen(), seen=seen, out=lambda: stand.pools == [])
        yield _started(one, settles=settles)


@contextmanager
def writing_a_shared_pool(root: Path, layer: str, kind: PoolKind) -> Iterator[Writing]:
    """The same where the list of the pool is written, in which a sibling stands too."""
    more = ", accept_experimental: true" if layer == "azure-admin-state" else ""
    layers = f"  - {layer}: {{pool: lb/web{more}}}"
    with azure(root, layers=layers, kind=kind, concurrent_write="409") as stand:
        seen = partial(by_balancer, stand)
        owner = seen()
        yield _started(Writing(stand=stand, owner=owner, seen=seen, out=lambda: seen() != owner), settles="2")


def _started(one: Writing, *, settles: str) -> Writing:
    stand, prefix = one.stand, (sys.executable, "-m", "tests.crash.mortal_daemon", "none", "before", settles)
    management = ("--management-url", stand.platform.management_url)
    stand.sidecar.start(*management, "--management-ca", stand.platform.authority, prefix=prefix)
    stand.sidecar.until_said("daemon.started")
    return one
