"""How long the loop rests between turns. It decides nothing: what is due is found out by the next turn."""

from __future__ import annotations

from datetime import timedelta

from drainer.reconcile import Tick

THREATENED = timedelta(milliseconds=250)
OPEN = timedelta(milliseconds=500)
STEADY = timedelta(seconds=30)
AFTER_BUG = timedelta(seconds=1)


def pace(tick: Tick) -> timedelta:
    """How long to rest: short while something is under way, long while the poll would wake us."""
    wake_after: timedelta | None = getattr(tick.step, "wake_after", None)
    usual = _usual(tick)
    return (usual if wake_after is None else min(wake_after, usual)) or THREATENED


def _usual(tick: Tick) -> timedelta:
    """A balancer that could not be read wakes nobody when it is back: under threat it is asked soon again."""
    episode = tick.state.episode
    if episode is None:
        return STEADY if tick.assessment.threat is None else THREATENED
    return THREATENED if episode.quiet_since is None else OPEN
