"""How instants and durations are written: by people on the command line, and by the platform on the wire."""

import re
from datetime import UTC, datetime, timedelta

_UNITS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
# Far beyond any maintenance, and far from the end of the calendar.
_LONGEST_S = 3650 * 86400.0
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|d|h|m|s)")
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
DURATION = "a duration such as 30s, 15m or 1h30m"
INSTANT = "an RFC 3339 instant such as 2030-01-31T12:00:00Z"


def parse_duration(text: str) -> timedelta:
    """The duration that `text` spells (units d, h, m, s, ms; ten years at most); ValueError if none."""
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(DURATION)
    seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
    if seconds > _LONGEST_S:
        raise ValueError(DURATION)
    return timedelta(seconds=seconds)


def format_duration(duration: timedelta) -> str:
    """The shortest spelling that `parse_duration` reads back to the same value."""
    milliseconds, micro = divmod(duration // timedelta(microseconds=1), 1000)
    if milliseconds % 1000 or micro:
        return f"{duration.total_seconds():f}".rstrip("0") + "s"
    parts = []
    seconds = milliseconds // 1000
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def parse_instant(text: str) -> datetime:
    """An RFC 3339 instant, in UTC; ValueError if it is none or names no zone."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(INSTANT) from None
    if instant.tzinfo is None or len(text) < len("2030-01-31T12:00Z"):
        raise ValueError(INSTANT)
    return instant.astimezone(UTC)


def format_instant(instant: datetime) -> str:
    """RFC 3339 in UTC, with a fraction only where there is one."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def rfc1123(instant: datetime) -> str:
    """The form of NotBefore and of the Date header, e.g. `Mon, 19 Sep 2016 18:29:47 GMT`."""
    return _rfc1123(instant, _DAYS[instant.weekday()])


def rfc1123_wrong_weekday(instant: datetime) -> str:
    """The same instant under the next day's name, as samples of the platform show it."""
    return _rfc1123(instant, _DAYS[(instant.weekday() + 1) % 7])


def us_style(instant: datetime) -> str:
    """The creation time of the 2015 maintenance document: month first, 12 hours, no leading zero, no zone."""
    hour = instant.hour % 12 or 12
    half = "AM" if instant.hour < 12 else "PM"
    return f"{instant.month}/{instant.day}/{instant.year} {hour}:{instant:%M:%S} {half}"


def _rfc1123(instant: datetime, day: str) -> str:
    # strftime would follow the locale; the names on the wire are English.
    month = _MONTHS[instant.month - 1]
    return f"{day}, {instant.day:02} {month} {instant.year:04} {instant:%H:%M:%S} GMT"
