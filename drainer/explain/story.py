"""Run the shipped reconciler through a rehearsal, and keep what it did and when."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from drainer.clock import ManualClock
from drainer.core.decide import TABLE
from drainer.core.model import Document
from drainer.core.policy import Policy
from drainer.core.step import Step, Wait, name_of
from drainer.explain.rehearsal import RehearsedFeed, ports_for
from drainer.journal import Journal, MemoryStore
from drainer.log import Log
from drainer.ports import Backend
from drainer.reconcile import MOST_STEPS, Reconciler, Tick

SAYS = {row.name: row.says for row in TABLE}
SECOND = timedelta(seconds=1)
LONGEST_LEAP = timedelta(hours=1)
"""How far time leaps while an episode waits for its event."""

MOST_TICKS = 50_000


class Ending(Enum):
    STEADY = "steady"  # nothing is pending any more, and what was taken is given back
    VM_ENDS = "vm-ends"  # the event takes the VM away for good
    NOT_ENDED = "not-ended"  # it goes on beyond what is rehearsed


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One step, or the begin of a wait. `why`: the condition of the row that won, as the docs print it."""

    at: datetime
    step: str
    subject: str
    row: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    lines: tuple[Line, ...]
    ending: Ending


def rehearse(document: Document, policy: Policy, layers: tuple[Backend, ...], *, now: datetime) -> Story:
    """What a daemon would do about this document from `now` on."""
    clock = ManualClock(now)
    ports, feed = ports_for(document, policy, layers, clock)
    reconciler = Reconciler(
        ports=ports,
        journal=Journal(MemoryStore(), clock),
        policy=policy,
        log=Log(clock.now, io.StringIO()),
    )
    lines: list[Line] = []
    for tick in _ticks(reconciler, clock, feed, policy):
        line = _line(tick)
        if not (lines and isinstance(tick.step, Wait) and _same_wait(lines[-1], line)):
            lines.append(line)
        if _over(tick, feed):
            return Story(lines=tuple(lines), ending=Ending.STEADY)
        if feed.ended_the_vm:
            return Story(lines=tuple(lines), ending=Ending.VM_ENDS)
    return Story(lines=tuple(lines), ending=Ending.NOT_ENDED)


def _ticks(reconciler: Reconciler, clock: ManualClock, feed: RehearsedFeed, policy: Policy) -> Iterator[Tick]:
    """Ticks as the daemon makes them: steps follow at once, and time goes by only between waits."""
    steps = 0
    for _ in range(MOST_TICKS):
        tick = reconciler.tick()
        yield tick
        steps = 0 if isinstance(tick.step, Wait) else steps + 1
        if isinstance(tick.step, Wait) or steps >= MOST_STEPS:
            clock.advance(_leap(tick, _marks(tick, policy, feed)))


def _leap(tick: Tick, marks: tuple[datetime, ...]) -> timedelta:
    """To the next mark; a second at a time while work drains or health is watched."""
    wait = tick.step if isinstance(tick.step, Wait) else None
    if wait is None or (tick.state.episode is not None and wait.reason != "notice pending"):
        return SECOND
    ahead = [mark - tick.seen.now.wall for mark in marks]
    if wait.wake_after is not None:
        ahead.append(wait.wake_after)
    leap = max(SECOND, min((span for span in ahead if span > timedelta(0)), default=SECOND))
    return leap if tick.state.episode is None else min(leap, LONGEST_LEAP)


def _marks(tick: Tick, policy: Policy, feed: RehearsedFeed) -> tuple[datetime, ...]:
    """Instants at which something changes by itself."""
    episode, stuck_after = tick.state.episode, policy.stuck_after.event
    stuck_at = episode.opened.wall + stuck_after if episode and stuck_after else None
    force_at = episode.force_at if episode else None
    return tuple(at for at in (feed.next_change_at, force_at, stuck_at) if at is not None)


def _over(tick: Tick, feed: RehearsedFeed) -> bool:
    steady = isinstance(tick.step, Wait) and tick.state.episode is None
    return steady and feed.next_change_at is None


def _line(tick: Tick) -> Line:
    return Line(
        at=tick.seen.now.wall,
        step=name_of(tick.step),
        subject=_subject(tick.step),
        row=tick.decision.row,
        why=SAYS[tick.decision.row],
    )


def _same_wait(line: Line, other: Line) -> bool:
    return (line.step, line.subject) == (other.step, other.subject)


def _subject(step: Step) -> str:
    """Whom or what the step is about, in one or a few words."""
    told: list[str] = []
    for name in ("reason", "what", "layers", "layer", "stage", "phase", "event_id"):
        value = getattr(step, name, None)
        if isinstance(value, tuple):
            told.extend(value)
        elif isinstance(value, Enum):
            told.append(str(value.value))
        elif value:
            told.append(str(value))
    return " ".join(told)
