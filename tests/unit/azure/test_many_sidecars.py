"""Fifty sidecars share one pool of addresses, drain and return at once, while calls fail at random."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from drainer.backends import azure_admin_state, azure_ip_pool
from drainer.clock import ManualClock
from drainer.core.model import Done, Membership
from drainer.errors import Refused, Transient
from drainer.management import Json
from drainer.ports import Backend, BackendKind
from drainer.testing.management import Fault, MemoryArm, World
from drainer.testing.stand import surroundings
from tests import azure_documents as documents

POOL = documents.pool_id("ips")
FAULTS = {
    "get": (Fault.SLOW, Fault.THROTTLED, Fault.UNAVAILABLE),
    "put": tuple(Fault),
    "poll": (Fault.SLOW, Fault.THROTTLED, Fault.UNAVAILABLE),
}
ROUNDS = [(1, 50, 1), (3, 8, 4), (4, 3, 20), (5, 2, 20)]
"""Seed, how many sidecars, how many rounds."""

KINDS = {
    "azure-ip-pool": (azure_ip_pool.KIND, {}),
    "azure-admin-state": (azure_admin_state.KIND, {"accept_experimental": True}),
}


@dataclass(slots=True)
class Sidecar:
    name: str
    arm: MemoryArm
    layer: Backend
    was: Membership
    steps: list[str] = field(default_factory=lambda: ["out", "back"])

    def turn(self) -> None:
        """One call of its present verb; the next one is due once it is done."""
        verb = self.layer.cordon if self.steps[0] == "out" else lambda: self.layer.restore(self.was)
        try:
            if verb() == Done():
                self.steps.pop(0)
        except Transient:
            return


class Fleet:
    """Sidecars on one world, and dice. `odds`: how often a call of one meets a fault."""

    def __init__(self, seed: int, *, size: int, kind: BackendKind, odds: float, **options: object) -> None:
        self.dice, self.odds, self.clock = random.Random(seed), odds, ManualClock()
        names = [f"vm{number:02d}" for number in range(size)]
        elements = [documents.address(name, f"10.0.0.{at}", **self._state()) for at, name in enumerate(names)]
        self.world = World(polls=2)
        self.world.put(
            documents.with_pool(documents.balancer("web"), documents.address_pool("ips", *elements))
        )
        self.world.put(documents.subnet())
        for at, name in enumerate(names):
            self.world.put(documents.vm(name, f"{name}-nic"))
            configuration = documents.configuration("ipconfig1", address=f"10.0.0.{at}")
            self.world.put(documents.nic(f"{name}-nic", configuration))
        self.sidecars = [self._sidecar(name, kind, options) for name in names]

    def _state(self) -> Json:
        return self.dice.choice(({}, {"adminState": "None"}, {"adminState": "Up"}))

    def _sidecar(self, name: str, kind: BackendKind, options: Json) -> Sidecar:
        arm = MemoryArm(self.world, documents.instance(name))
        layer = kind.build(kind.options(pool="lb/ips", **options), replace(surroundings(self.clock), arm=arm))
        return Sidecar(name, arm, layer, layer.membership())

    def listed(self) -> list[Json]:
        pool = self.world.get(POOL)
        assert pool is not None
        found: list[Json] = pool["properties"]["loadBalancerBackendAddresses"]
        return found

    def text(self) -> str:
        """The pool without its etag."""
        pool = self.world.get(POOL)
        assert pool is not None
        return json.dumps({name: value for name, value in pool.items() if name != "etag"})

    def play(self, *, turns: int = 60_000) -> Iterator[tuple[Sidecar, list[Json], list[Json]]]:
        """Let anyone act, until all are back; each turn with the list before and after it."""
        for _ in range(turns):
            waiting = [sidecar for sidecar in self.sidecars if sidecar.steps]
            if not waiting:
                return
            sidecar = self.dice.choice(waiting)
            self.clock.advance(timedelta(milliseconds=100))
            if self.dice.random() < self.odds:
                verb = self.dice.choice(tuple(FAULTS))
                sidecar.arm.faults[verb].append(self.dice.choice(FAULTS[verb]))
            before = self.listed()
            sidecar.turn()
            yield sidecar, before, self.listed()
        raise AssertionError("they never came to an end")

    def again(self) -> None:
        """Another round: rest, and look again."""
        for sidecar in self.sidecars:
            sidecar.steps = ["out", "back"]
            for queue in sidecar.arm.faults.values():
                queue.clear()
            sidecar.layer.rest()  # type: ignore[attr-defined]
            sidecar.was = sidecar.layer.membership()


def others(listed: list[Json], name: str) -> list[Json]:
    return [each for each in listed if each["name"] != name]


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize(("seed", "size", "rounds"), ROUNDS)
def test_no_sibling_is_lost_changed_or_resurrected(name: str, seed: int, size: int, rounds: int) -> None:
    """A turn changes the own element alone; after each round the pool is the one before, byte for byte."""
    kind, options = KINDS[name]
    fleet = Fleet(seed, size=size, kind=kind, odds=0.3, **options)
    start = fleet.text()
    for _ in range(rounds):
        out: set[str] = set()
        for sidecar, before, after in fleet.play():
            assert others(before, sidecar.name) == others(after, sidecar.name)
            if sidecar.steps == ["back"]:
                out.add(sidecar.name)
        assert len(out) == size
        assert fleet.text() == start
        fleet.again()


def refused_in_the_end(sidecar: Sidecar) -> Refused:
    """Act until a refusal comes."""
    for _ in range(50):
        try:
            sidecar.turn()
        except Refused as refused:
            return refused
    raise AssertionError("it was not refused")


@pytest.mark.parametrize("name", KINDS)
def test_where_etags_are_ignored_nothing_is_touched(name: str) -> None:
    """A service that takes a wrong etag makes the layer refuse, leave itself alone, and change nothing."""
    kind, options = KINDS[name]
    fleet = Fleet(1, size=3, kind=kind, odds=0, **options)
    fleet.world.honours_if_match = False
    start = fleet.text()
    for sidecar in fleet.sidecars:
        assert refused_in_the_end(sidecar).kind == "no-concurrency-control"
        assert not sidecar.layer.cordons
        assert not sidecar.layer.isolates
    assert fleet.text() == start


@pytest.mark.parametrize("honoured", [True, False])
def test_what_comes_between_read_and_write_is_kept_by_the_etag(honoured: bool) -> None:
    """A sibling that joins between our read and our write stays; were etags ignored after the proof, it would
    be lost: that is why the proof is asked for."""
    fleet = Fleet(7, size=3, kind=azure_ip_pool.KIND, odds=0)
    sidecar = fleet.sidecars[1]
    new = documents.address("vm99", "10.0.0.99")
    writes = iter(range(3))

    def race() -> None:
        if next(writes, 0) == 2:  # the third: after both proofs
            fleet.world.honours_if_match = honoured
            fleet.world.store(POOL, documents.address_pool("ips", *fleet.listed(), new))

    sidecar.arm.before_put = race
    while sidecar.steps:
        fleet.clock.advance(timedelta(seconds=1))
        sidecar.turn()
    assert (new in fleet.listed()) is honoured
    assert [each["name"] for each in fleet.listed()][:3] == ["vm00", "vm01", "vm02"]
