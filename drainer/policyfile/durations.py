"""Durations as policies spell them: a whole number and one unit, `300ms` to `7d`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta

PATTERN = "^(0|[1-9][0-9]{0,10})(ms|s|m|h|d)$"
LONGEST = timedelta(days=365)

_UNITS: Mapping[str, timedelta] = {
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
    "ms": timedelta(milliseconds=1),
}


def parse(text: str) -> timedelta | None:
    """The duration, or None where `text` is none or is longer than a year."""
    found = re.fullmatch(PATTERN, text, re.ASCII)
    if found is None:
        return None
    unit = _UNITS[found[2]]
    count = int(found[1])
    return None if count > LONGEST // unit else count * unit


def spell(duration: timedelta) -> str:
    """The shortest spelling that `parse` reads back; parts of a millisecond are cut off."""
    if not duration:
        return "0s"
    for name, unit in _UNITS.items():
        if not duration % unit:
            return f"{duration // unit}{name}"
    return f"{duration // _UNITS['ms']}ms"
