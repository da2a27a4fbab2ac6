"""A budget that never denies. It keeps no lease, so that there is nothing to give back."""

from __future__ import annotations

from datetime import timedelta

from drainer.core.model import Granted, Phase, later
from drainer.ports import Clock

LASTS = timedelta(hours=1)


class Unlimited:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def acquire(self, phase: Phase, *, forced: bool) -> Granted:
        return Granted(until=later(self._clock.now(), LASTS))

    def release(self) -> None:
        """Nothing is held."""
