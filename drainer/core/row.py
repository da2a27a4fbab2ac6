"""One row of the decision table, and the steps that several rows share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from drainer.core.situation import Reads, Situation
from drainer.core.step import Acquire, Cordon, Step, Wait, key_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row: `says` is its condition in words, `does` its step in words, as the docs print them."""

    name: str
    reads: Reads
    says: str
    does: str
    when: Callable[[Situation], object]
    step: Callable[[Situation], Step]
    passes: bool = False


def always(s: Situation) -> bool:
    """The condition of the last row of each kind."""
    return True


def wait(reason: str) -> Callable[[Situation], Step]:
    """A step that waits, saying why."""
    return lambda s: Wait(reason=reason, wake_after=s.wake_after)


def renew(s: Situation) -> Step:
    """The lease once more, in the phase it is in."""
    if s.phase is None:
        raise AssertionError("a lease that is due for renewal has a phase")
    return Acquire(phase=s.phase, forced=s.past_force)


def cordon(s: Situation) -> Step:
    """Every layer that may take new work, in one step."""
    return Cordon(layers=s.to_cordon, forced=s.forced)


def ask_after(s: Situation) -> Step:
    """What became of a Cordon that was under way; it is asked by the same verb."""
    return Cordon(layers=s.to_ask_after, again=True)


def first_free(s: Situation, steps: tuple[Step, ...]) -> Step:
    """The first of these that is not backing off; else the first."""
    return next((step for step in steps if key_of(step) not in s.backing_off), steps[0])
