"""The mark of a value that could not be read."""

from __future__ import annotations

from enum import Enum


class Bad(Enum):
    BAD = "bad"


BAD = Bad.BAD


def is_bad(value: object) -> bool:
    """It, or something in it, could not be read."""
    return value is BAD or (isinstance(value, tuple) and any(map(is_bad, value)))
