"""Time from an event's appearance in the document to the marker that stops new work."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from threading import Event
from time import monotonic

from drainer.demo.until import until

LOOK_S = 0.002


def reactions(
    schedule: Callable[[], str], finish: Callable[[str], None], marker: Path, *, times: int
) -> list[float]:
    """Seconds, one for each event; events come at random moments of the poll's second."""
    draw, pause, seen = random.Random(1), Event(), []
    for _ in range(times):
        pause.wait(0.5 + draw.random())
        event = schedule()
        began = monotonic()
        while not marker.exists():
            if monotonic() - began > 30:
                raise RuntimeError("no reaction within 30 s")
            pause.wait(LOOK_S)
        seen.append(monotonic() - began)
        finish(event)
        until(lambda: not marker.exists(), "the marker to go", within_s=30)
    return seen
