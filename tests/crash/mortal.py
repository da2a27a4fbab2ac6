"""Ports that act, and whose answer may find nobody alive: each verb of a life may be its last.

A verb of a dead life may have acted, acted on half of what it was told, or land only later.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from enum import Enum
from typing import TypeVar

from drainer.approvals import MemoryApprovals
from drainer.backends.fake import Balancer, FakeBackend
from drainer.budgets.memory import MemoryBudget
from drainer.clock import ManualClock
from drainer.core.model import (
    AckAnswer,
    Denied,
    Done,
    Entry,
    Granted,
    HookAnswer,
    Instant,
    Phase,
    Progress,
    Standing,
    elapsed,
)
from drainer.ports import HookCall
from tests.world import Died, ScriptedFeed, ScriptedHooks

T = TypeVar("T")

LANDS_AFTER = timedelta(seconds=5)


class How(Enum):
    """What a verb does in its caller's last moment."""

    ACTED = "acted, not heard"
    HALF = "half acted"
    LATE = "lands late"


class Hand:
    """Counts the verbs of a life over all ports. The verb `dies_at` does `how`, and nobody hears of it."""

    def __init__(self, clock: ManualClock, trace: Callable[[int, bool], None]) -> None:
        """`trace` is told each verb's number and whether it could be done by half."""
        self.dies_at: int | None = None
        self.how = How.ACTED
        self.count = 0
        self._clock = clock
        self._trace = trace
        self._late: list[tuple[Instant, Callable[[], object]]] = []

    def does(self, act: Callable[[], T], *, half: Callable[[], object] | None = None) -> T:
        number = self.count
        self.count += 1
        self._trace(number, half is not None)
        if number != self.dies_at:
            return act()
        match self.how:
            case How.ACTED:
                act()
            case How.HALF:
                assert half is not None
                half()
            case How.LATE:
                self._late.append((self._clock.now(), act))
        raise Died(f"during verb {number}")

    def land(self) -> None:
        """Let what was in the air come down once its time has come."""
        for late in tuple(self._late):
            sent_at, act = late
            if elapsed(sent_at, self._clock.now()) >= LANDS_AFTER:
                self._late.remove(late)
                act()


class Watched(Balancer):
    """A balancer that remembers each write that changed something."""

    def __init__(self, *entries: str) -> None:
        super().__init__(entries)
        self.changes: list[tuple[str, Standing, bool]] = []

    def write(self, entry: Entry) -> None:
        if entry.name in self.entries and self.entries[entry.name] != entry:
            self.changes.append((entry.name, entry.standing, entry.isolated))
        super().write(entry)


class MortalLayer(FakeBackend):
    """A layer of two entries whose writes go through the hand."""

    def __init__(self, name: str, clock: ManualClock, hand: Hand, *, isolates: bool) -> None:
        self.watched = Watched(f"{name}/a", f"{name}/b")
        super().__init__(self.watched, clock, isolates=isolates)
        self.name = name
        self.hand = hand

    def _write(self, entries: list[Entry]) -> Progress:
        if not entries:
            return Done()
        half = (lambda: self._put(entries[:1])) if len(entries) > 1 else None
        return self.hand.does(lambda: self._put(entries), half=half)

    def _put(self, entries: list[Entry]) -> Progress:
        for entry in entries:
            self.watched.write(entry)
        return Done()


class MortalFeed(ScriptedFeed):
    hand: Hand

    def acknowledge(self, event_id: str) -> AckAnswer:
        act = super().acknowledge
        return self.hand.does(lambda: act(event_id))


class MortalHooks(ScriptedHooks):
    hand: Hand

    def run(self, call: HookCall, *, timeout: timedelta, stopping: object) -> HookAnswer:
        act = super().run
        return self.hand.does(lambda: act(call, timeout=timeout, stopping=stopping))


class MortalBudget(MemoryBudget):
    hand: Hand

    def acquire(self, phase: Phase, *, forced: bool) -> Granted | Denied:
        act = super().acquire
        return self.hand.does(lambda: act(phase, forced=forced))

    def release(self) -> None:
        act = super().release
        self.hand.does(act)


class MortalApprovals(MemoryApprovals):
    hand: Hand

    def publish(self, event_id: str) -> None:
        act = super().publish
        self.hand.does(lambda: act(event_id))
