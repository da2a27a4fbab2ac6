"""NotBefore as the field writes it, into an instant, a blank, or what could not be read.

Facts 2d: RFC 1123 in GMT, with a wrong weekday in Microsoft's own samples; ISO 8601 with Z in newer ones;
blank once an event has started. Anything else is garbled: never silently "now", never "never".
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from drainer.core.model import At, Blank, Garbled, NotBefore

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_RFC_1123 = re.compile(
    r"(?:[a-z]{3,9},\s*)?(\d{1,2})\s+([a-z]{3})\s+(\d{4})\s+(\d\d):(\d\d):(\d\d)\s+(?:gmt|utc)",
    re.IGNORECASE | re.ASCII,
)
_ISO_8601 = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)", re.ASCII
)  # a time without a zone could be anybody's: garbled
_SHOWN = 100


def read_not_before(value: object) -> NotBefore:
    """The member's value as the JSON gave it; None where it was absent."""
    if value is None:
        return Blank()
    if not isinstance(value, str):
        return Garbled(text=repr(value)[:_SHOWN])
    text = value.strip()
    if not text:
        return Blank()
    at = read_time(text)
    return Garbled(text=text[:_SHOWN]) if at is None else At(at=at)


def read_time(text: str) -> datetime | None:
    """An RFC 1123 or ISO 8601 instant in UTC. The weekday is not looked at. None: neither."""
    try:
        return _rfc_1123(text) or _iso_8601(text)
    except (ValueError, OverflowError):
        return None


def _rfc_1123(text: str) -> datetime | None:
    match = _RFC_1123.fullmatch(text)
    if match is None:
        return None
    day, month, year, hour, minute, second = match.groups()
    named = _MONTHS.index(month.lower()) + 1
    return datetime(int(year), named, int(day), int(hour), int(minute), int(second), tzinfo=UTC)


def _iso_8601(text: str) -> datetime | None:
    if _ISO_8601.fullmatch(text) is None:
        return None
    return datetime.fromisoformat(text).astimezone(UTC)
