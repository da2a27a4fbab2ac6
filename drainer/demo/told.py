"""Told to end, by `kill`, `timeout` or a terminal that closes, a demo stops what it started, as on Ctrl-C."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

ENDING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))


@contextmanager
def unwinding_when_told() -> Iterator[None]:
    """Meanwhile these signals end the main thread by SystemExit; one that is ignored (nohup) stays so."""
    before = {number: signal.getsignal(number) for number in ENDING}
    for number, earlier in before.items():
        if earlier is not signal.SIG_IGN:
            signal.signal(number, _unwind)
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


def _unwind(number: int, frame: FrameType | None) -> None:
    for each in ENDING:
        signal.signal(each, signal.SIG_IGN)  # once is enough: the stopping is bounded
    raise SystemExit(128 + number)
