"""Several daemons on one pool, each with faults on its own writes, and a witness of every write of theirs."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from drainer.azure import mark
from drainer.azure.interface import addresses
from drainer.management import Json
from metadata_server.arm.changes import Change
from metadata_server.arm.faults import IN_TURN, ArmFaultKind
from metadata_server.testing import ServedEmulator
from tests.azure import AzureStand, emulated, stand_of, topology
from tests.faults.writes import Layer, Writing, by_listing, listed, start

OLD = "500ms"
"""Longer than a write runs, so that who writes what it read loses the race."""

LISTS = ("loadBalancerBackendAddresses", "backendAddresses")
Mine = Callable[[Json], bool]


@dataclass(slots=True, kw_only=True)
class Witness:
    """It sees every write. `mine`, by VM, tells its elements; `wrong`: writes that changed others too."""

    mine: dict[str, Mine] = field(default_factory=dict)
    wrong: list[Change] = field(default_factory=list)
    writes: int = 0

    def __call__(self, change: Change) -> None:
        self.writes += 1
        if self._others(change.before, change.vm) != self._others(change.after, change.vm):
            self.wrong.append(change)

    def _others(self, body: Json, vm: str) -> str:
        bare = mark.bare(body)
        for members in lists(bare):
            members[:] = [each for each in members if not self.mine[vm](each)]
        return json.dumps(bare)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """`owner`: the resource that lists them all, as it was before all episodes; `seen`: the same, now."""

    platform: ServedEmulator
    members: tuple[Writing, ...]
    witness: Witness
    owner: object
    seen: Callable[[], object]

    def spoil(self, kinds: Sequence[str]) -> None:
        """Every second write of each member meets its fault, and every third read of what they share is old
        when it arrives, until all is mended."""
        for one, kind in zip(self.members, kinds, strict=True):
            one.spoil(kind, every=2)
        whole = self.members[0].layer.listing
        self.members[0].stand.fault("slow", every=3, method="GET", path=whole, delay=OLD)

    def met(self) -> list[list[str]]:
        """What each member met since its writes are spoiled."""
        faults = self.platform.control.show("arm-faults")["faults"][: len(self.members)]
        return [[_turn(each["kind"], hit) for hit in range(each["hits"])] for each in faults]

    def mend(self) -> None:
        self.members[0].stand.mend()

    def refused_beside_another(self) -> int:
        """Of all, by a fault of that name or since another write still ran."""
        return self.members[0].refused_beside_another()

    def always_compared(self) -> bool:
        """Whether every write was made under the etag that was read."""
        return all(each["if_match"] for each in self._asked_to_write())

    def told(self) -> str:
        """All that was written so far, for a report."""
        statuses = Counter(int(each["status"]) for each in self._asked_to_write())
        asked, taken = sum(statuses.values()), self.witness.writes
        return f"{asked} writes, of which {taken} were taken; by status {dict(sorted(statuses.items()))}"

    def _asked_to_write(self) -> list[dict[str, Any]]:
        return [each for each in self.platform.requests() if each["method"] == "PUT"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trip:
    """One episode of one member."""

    one: Writing
    episode: int
    event: str

    def is_out(self) -> None:
        """Wait for it."""
        self.one.taken_out(episode=self.episode)

    def over(self) -> None:
        self.one.stand.complete(self.event)

    def is_home(self) -> None:
        """Wait for it, and look at everything that must hold there."""
        self.one.closed(episode=self.episode)


def trips(members: Sequence[Writing]) -> list[Trip]:
    """These are told to leave."""
    return [
        Trip(one=one, episode=one.stand.sidecar.events().count("episode.closed") + 1, event=one.announce())
        for one in members
    ]


def lists(body: Json) -> Iterator[list[Json]]:
    """Every list of members in the resource. An interface has none: a daemon's doctor writes it as it is."""
    for pool in body["properties"].get("backendAddressPools", ()):
        yield from (pool["properties"][name] for name in LISTS if name in pool["properties"])


def mine(stand: AzureStand) -> Mine:
    """Tells the elements of this VM: by its address, or by its interface."""
    named = (*(f'"{address}"' for address in addresses(stand.nic)), f"{stand.interface}/")
    return lambda element: any(each in json.dumps(element) for each in named)


def _own(stand: AzureStand, layer: Layer, is_mine: Mine) -> object:
    """What lists this VM, byte for byte."""
    return json.dumps([each for members in lists(listed(stand, layer)) for each in members if is_mine(each)])


def _turn(kind: str, hit: int) -> str:
    return IN_TURN[hit % len(IN_TURN)] if kind == ArmFaultKind.MIXED else kind


@contextmanager
def fleet(root: Path, layer: Layer, *, size: int, **switches: str) -> Iterator[Fleet]:
    """So many daemons that have started and wait, beside a sibling without one."""
    word, witness = uuid.uuid4(), Witness()
    names = [f"vm-{word}-{number}" for number in range(size)]
    around = topology(*names, kind=layer.kind, by_address=layer.by_address)
    with ExitStack() as opened:
        platform = opened.enter_context(emulated(around, **switches))
        platform.watch(witness)
        members = []
        for number, name in enumerate(names):
            stand = opened.enter_context(stand_of(platform, name, root / f"{number}", layers=layer.written))
            witness.mine[name] = mine(stand)
            seen = partial(_own, stand, layer, witness.mine[name])
            members.append(Writing(stand=stand, layer=layer, owner=seen(), seen=seen))
        for one in members:
            start(one)
        for one in members:
            one.stand.sidecar.until_said("daemon.started")
        whole = partial(by_listing, stand, layer)
        yield Fleet(platform=platform, members=tuple(members), witness=witness, owner=whole(), seen=whole)
