"""Wait for a condition, with a deadline, asking twenty times a second."""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic

EVERY_S = 0.05


class TooLate(RuntimeError):
    """The condition did not come true in time."""


def until(true: Callable[[], object], what: str, *, within_s: float) -> None:
    """Return once `true()` is; raises TooLate("waited N s for WHAT")."""
    deadline = monotonic() + within_s
    pause = threading.Event()
    while not true():
        if monotonic() > deadline:
            raise TooLate(f"waited {within_s:g} s for {what}")
        pause.wait(EVERY_S)


def pause(seconds: float) -> None:
    """Let this much time go by: the demo's own rhythm, not a wait for something."""
    threading.Event().wait(seconds)
