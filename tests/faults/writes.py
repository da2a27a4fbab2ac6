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

from drainer.azure import mark
from drainer.management import Json
from metadata_server.topology import PoolKind
from tests.azure import NIC_POOL, AzureStand, azure
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

REFUSED = FOLLOWED | {"412", "fail"}
"""Kinds under which a wrong etag is seen refused all the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A layer, and the pool that it writes. `listing`: the resource that lists the members; "": nobody but
    this VM's interface. `proofs`: of each write before the removal, the kinds that do not make it due again.
    """

    name: str
    written: str
    kind: PoolKind
    by_address: bool = False
    listing: str = ""
    proofs: tuple[frozenset[str], ...] = (FOLLOWED,)


SHARED = (REFUSED, FOLLOWED)
"""Of a list in which others stand: that a wrong etag is refused, and that it may be written."""

BALANCER, GATEWAY = "loadBalancers/lb", "applicationGateways/gateway"
INTERFACE = Layer(name="azure-nic-pool", written=NIC_POOL, kind=PoolKind.NIC)
ADDRESS = Layer(
    name="azure-ip-pool",
    written="  - azure-ip-pool: {pool: lb/web}",
    kind=PoolKind.IP,
    listing=BALANCER,
    proofs=SHARED,
)
STATE = Layer(
    name="azure-admin-state",
    written="  - azure-admin-state: {pool: lb/web, accept_experimental: true}",
    kind=PoolKind.NIC,
    listing=BALANCER,
    proofs=SHARED,
)
GATEWAY_INTERFACE = Layer(
    name="azure-application-gateway by interface",
    written="  - azure-application-gateway: {pools: inbound}",
    kind=PoolKind.GATEWAY,
)
GATEWAY_ADDRESS = Layer(
    name="azure-application-gateway by address",
    written="  - azure-application-gateway: {pools: [gateway/web], accept_gateway_write: true}",
    kind=PoolKind.GATEWAY,
    by_address=True,
    listing=GATEWAY,
    proofs=SHARED,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """One daemon on one stand, over any number of episodes. `owner`: the VM as it was before all of them.

    `seen`: the same, now; in it stands whatever a removal takes away.
    """

    stand: AzureStand
    layer: Layer
    owner: object
    seen: Callable[[], object]

    # --- what is done to it ---

    def spoil(self, kind: str, *, every: int = 1, times: int = 0) -> None:
        """Writes of this VM meet this fault, beside the faults that are in force already."""
        more = {**MORE.get(kind, {}), "method": "PUT", "vm": self.stand.vm}
        self.stand.fault(kind, every=every, times=times, **more)

    def spoil_the_way_out(self, proof: str, removal: str) -> None:
        """The first try of each write that leads out meets its fault."""
        repeated = 0
        for enough in self.layer.proofs:
            self.spoil(proof, every=1 + repeated, times=1)
            repeated += proof not in enough
        self.spoil(removal, every=1 + repeated, times=1)

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

    # --- what is seen ---

    def out(self) -> bool:
        """No new work comes in."""
        return self.seen() != self.owner if self.layer.listing else self.stand.pools == []

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


def listed(stand: AzureStand, layer: Layer) -> Json:
    """The resource that lists the members, whoever stands in it."""
    group = stand.interface.rpartition("/networkInterfaces/")[0]
    return mark.bare(stand.platform.resource(f"{group}/{layer.listing}"))


def by_listing(stand: AzureStand, layer: Layer) -> object:
    """The same, byte for byte."""
    return json.dumps(listed(stand, layer))


@contextmanager
def writing(root: Path, layer: Layer = INTERFACE, *, settles: str = "2") -> Iterator[Writing]:
    """A daemon that has started and waits; a sibling stands in the same pool."""
    with azure(
        root,
        layers=layer.written,
        kind=layer.kind,
        by_address=layer.by_address,
        concurrent_write="409",
    ) as stand:
        seen = partial(by_listing, stand, layer) if layer.listing else partial(by_interface, stand)
        one = Writing(stand=stand, layer=layer, owner=seen(), seen=seen)
        start(one, settles=settles)
        stand.sidecar.until_said("daemon.started")
        yield one


def start(one: Writing, *, settles: str = "2") -> None:
    stand, prefix = one.stand, (sys.executable, "-m", "tests.crash.mortal_daemon", "none", "before", settles)
    management = ("--management-url", stand.platform.management_url)
    stand.sidecar.start(*management, "--management-ca", stand.platform.authority, prefix=prefix)
