"""Wait for a condition, with a generous deadline."""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic

DEADLINE_S = 150.0
"""Longer than the two minutes for which a write to Azure may still land: so long an episode may stay open."""


def until(
    true: Callable[[], object], what: str, *, within_s: float = DEADLINE_S, every_s: float = 0.02
) -> None:
    """Return once `true()` is; fail the test otherwise."""
    deadline = monotonic() + within_s
    pause = threading.Event()
    while not true():
        assert monotonic() < deadline, f"waited {within_s} s for {what}"
        pause.wait(every_s)
