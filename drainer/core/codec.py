"""Frozen dataclasses to plain JSON values and back, by their annotations.

A union of dataclasses is tagged with "is". Unknown members are ignored, so that an older release reads
what a newer one wrote; a missing member without a default, or a wrong type, is a ValueError.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import cache
from typing import Any

TAG = "is"
"""Names the class where a value may be one of several; no field of ours is called so."""

LONGEST_SPAN_S = 100 * 366 * 86400


def encode(value: object) -> Any:
    """A JSON value: instants as RFC 3339, durations as seconds, enums as their value."""
    match value:
        case Enum():
            return value.value
        case None | str() | bool() | int() | float():
            return value
        case datetime():
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case timedelta():
            return value.total_seconds()
        case tuple() | list():
            return [encode(item) for item in value]
        case Mapping():
            return {str(key): encode(item) for key, item in value.items()}
        case _ if dataclasses.is_dataclass(value):
            members = {f.name: encode(getattr(value, f.name)) for f in dataclasses.fields(value)}
            return {TAG: _kind(type(value)), **members}
        case _:
            raise TypeError(f"cannot encode {type(value).__name__}")


def decode(expected: Any, value: object) -> Any:
    """The value that `encode` wrote, of the expected type. Raises ValueError naming what was found."""
    origin = typing.get_origin(expected)
    if origin in (typing.Union, types.UnionType):
        return _decode_union(typing.get_args(expected), value)
    if origin is tuple:
        if not isinstance(value, list):
            raise ValueError(f"expected a list, got {value!r}")
        return tuple(decode(typing.get_args(expected)[0], item) for item in value)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        if not isinstance(value, dict):
            raise ValueError(f"expected an object, got {value!r}")
        return {key: decode(typing.get_args(expected)[1], item) for key, item in value.items()}
    if dataclasses.is_dataclass(expected) and isinstance(expected, type):
        return _decode_dataclass(expected, value)
    return _decode_plain(expected, value)


def _kind(cls: type) -> str:
    return cls.__name__.lower()


def _decode_union(members: tuple[Any, ...], value: object) -> Any:
    if value is None and type(None) in members:
        return None
    rest = tuple(member for member in members if member is not type(None))
    if len(rest) == 1:
        return decode(rest[0], value)
    kind = value.get(TAG) if isinstance(value, dict) else None
    for member in rest:
        if _kind(member) == kind:
            return decode(member, value)
    raise ValueError(f"unknown kind {kind!r}")


@cache
def _hints(cls: type) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def _decode_dataclass(cls: type, value: object) -> Any:
    if not isinstance(value, dict):
        raise ValueError(f"expected an object for {cls.__name__}, got {value!r}")
    hints = _hints(cls)
    given = {}
    for member in dataclasses.fields(cls):
        if member.name in value:
            given[member.name] = decode(hints[member.name], value[member.name])
        elif member.default is dataclasses.MISSING and member.default_factory is dataclasses.MISSING:
            raise ValueError(f"{cls.__name__} lacks {member.name}")
    return cls(**given)


def _span(seconds: float) -> timedelta:
    """Raises ValueError, also for what could not be counted with any more."""
    if not -LONGEST_SPAN_S <= seconds <= LONGEST_SPAN_S:
        raise ValueError(f"expected seconds of a century at most, got {seconds!r}")
    return timedelta(seconds=seconds)


def _decode_plain(expected: Any, value: object) -> Any:
    if expected is datetime and isinstance(value, str):
        at = datetime.fromisoformat(value)
        if at.tzinfo is None:
            raise ValueError(f"expected a zone in {value!r}")
        return at.astimezone(UTC)
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if expected is timedelta and number:
        return _span(typing.cast(float, value))
    if expected is float and number:
        return float(typing.cast(float, value))
    if isinstance(expected, type) and issubclass(expected, Enum):
        return expected(value)
    if expected in (str, int, bool) and type(value) is expected:
        return value
    raise ValueError(f"expected {getattr(expected, '__name__', expected)}, got {value!r}")
