"""Killed before or after any write to the journal, at any step, and started again: the same ending."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from drainer.budgets.memory import Ledger, MemoryBudget
from drainer.core.model import Blank, EventStatus, Stage, Standing
from tests.world import Died, MortalStore, World, reboot, seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What the world of an episode has beside one sidecar. `writes`: how many records a whole one has."""

    two: bool = False
    budget: bool = False
    hooks: bool = False


SHAPES = {
    "one layer": Shape(),
    "two layers": Shape(two=True),
    "two layers, budget and hooks": Shape(two=True, budget=True, hooks=True),
}


class Life:
    """A world whose process dies at one write and is started again by whoever sees it dead."""

    def __init__(self, shape: Shape, dies: Callable[[MortalStore], None], *, reboots: bool) -> None:
        self.store = MortalStore()
        stages = frozenset(Stage) if shape.hooks else frozenset[Stage]()
        self.world = World(two=shape.two, store=self.store, stages=stages)
        self.ledger = Ledger(max_unavailable=1)
        if shape.budget:
            budget = MemoryBudget(self.ledger, holder="vm1", clock=self.world.clock)
            self.world.with_ports(budget=budget)
        dies(self.store)
        self._reboots = reboots

    def pass_time(self, span: int, step: int = 1) -> None:
        for _ in range(0, span, step):
            try:
                self.world.tick()
            except Died:
                self.world.restart(boot="boot-2" if self._reboots else "")
            self.world.clock.advance(seconds(step))

    def episode(self) -> None:
        feed = self.world.feed
        feed.events = (reboot(),)
        self.pass_time(20, step=2)
        feed.events = (reboot(status=EventStatus.STARTED, not_before=Blank()),)
        self.pass_time(9, step=3)
        feed.events = ()
        self.pass_time(110, step=5)

    def ending(self) -> tuple[object, ...]:
        layers = self.world.ports.layers
        standings = [entry.standing for layer in layers for entry in layer.membership().entries]
        return (
            self.world.open,
            standings,
            sorted(set(self.world.feed.acknowledged)),
            self.ledger.live(self.world.now),
        )


def alive(store: MortalStore) -> None:
    """It does not die."""


def writes_of(shape: Shape) -> int:
    life = Life(shape, alive, reboots=False)
    life.episode()
    return life.store.writes


@pytest.mark.parametrize("reboots", [False, True], ids=["same boot", "new boot"])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_kill_at_each_step(shape: Shape, reboots: bool) -> None:
    """Closed, every layer In, no lease, the event acknowledged if it still could be: whenever it died."""
    writes = writes_of(shape)
    assert writes >= 11
    for number in range(writes):
        for moment in ("dies_before", "dies_after"):

            def dies(store: MortalStore, moment: str = moment, number: int = number) -> None:
                setattr(store, moment, number)

            life = Life(shape, dies, reboots=reboots)
            life.episode()
            opened, standings, acknowledged, leases = life.ending()
            where = f"{moment} {number}"
            assert (opened, leases) == (False, ()), where
            assert set(standings) == {Standing.IN}, where  # type: ignore[call-overload]
            assert acknowledged == ["E1"], where


@pytest.mark.parametrize("shape", [Shape(), Shape(two=True)], ids=["one layer", "two layers"])
def test_nothing_that_was_answered_is_done_twice(shape: Shape) -> None:
    """A life that dies after an outcome was written does not repeat that step."""
    whole = Life(shape, alive, reboots=False)
    whole.episode()
    for number in range(whole.store.writes):

        def dies(store: MortalStore, number: int = number) -> None:
            store.dies_after = number

        life = Life(shape, dies, reboots=False)
        life.episode()
        assert len(life.world.steps) <= len(whole.world.steps) + 1
