"""What an answer's headers say about time."""

from __future__ import annotations

from datetime import timedelta

from drainer.core.model import Instant
from drainer.sources.not_before import read_time
from drainer.transport.http import Answer

_LONGEST = timedelta(hours=1)
"""No Retry-After is believed beyond this."""


def skew_of(answer: Answer, now: Instant) -> timedelta | None:
    """The answer's Date header minus this machine's clock; None without a header that can be read."""
    at = read_time(answer.headers.get("Date", "").strip())
    return None if at is None else at - now.wall


def retry_after(answer: Answer, now: Instant) -> timedelta | None:
    """How long the other side asks to be left alone, in seconds or until a date; at most an hour."""
    text = answer.headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return timedelta(seconds=min(int(text[:9]), _LONGEST.total_seconds()))
    at = read_time(text)
    return None if at is None else max(timedelta(0), min(at - now.wall, _LONGEST))
