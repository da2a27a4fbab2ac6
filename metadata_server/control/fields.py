"""The fields of control requests: how each is read, what it is called, and what its schema says.

One description serves the HTTP control path, its OpenAPI document and the command line.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from metadata_server.errors import BadInput, Problem
from metadata_server.faults import is_location
from metadata_server.scenario import UNKNOWN_INTERRUPTION, is_event_id
from metadata_server.times import DURATION, INSTANT, parse_duration, parse_instant

Schema = Mapping[str, Any]
GUID = "an upper-case GUID"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of value: `read` raises ValueError for anything that is not `expected`."""

    expected: str
    read: Callable[[Any], Any]
    schema: Schema
    choices: tuple[str, ...] = ()
    repeats: str | None = None


class Presence(StrEnum):
    """Whether a field may be left out."""

    REQUIRED = "required"
    OPTIONAL = "optional"


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One named value of a request; `about` is a line for people."""

    name: str
    kind: Kind
    about: str
    presence: Presence = Presence.OPTIONAL


def read(fields: Sequence[Field], body: object) -> dict[str, Any]:
    """The values of a request by name, those left out aside; BadInput names every problem at once."""
    if not isinstance(body, dict):
        raise BadInput([Problem(field="body", expected="a JSON object", found=_shown(body))])
    known = {entry.name: entry for entry in fields}
    problems: list[Problem] = []
    values: dict[str, Any] = {}
    for name, raw in body.items():
        if name not in known:
            expected = f"one of {', '.join(known)}" if known else "no field"
            problems.append(Problem(field=str(name), expected=expected, found="an unknown field"))
            continue
        try:
            values[name] = known[name].kind.read(raw)
        except ValueError:
            problems.append(Problem(field=name, expected=known[name].kind.expected, found=_shown(raw)))
    for entry in fields:
        if entry.presence is Presence.REQUIRED and entry.name not in body:
            problems.append(Problem(field=entry.name, expected=entry.kind.expected, found="nothing"))
    if problems:
        raise BadInput(problems)
    return values


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("text")
    return value


def _name(value: object) -> str:
    if not _text(value):
        raise ValueError("empty")
    return _text(value)


def _names(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise ValueError("list")
    names = tuple(_name(entry) for entry in value)
    if len(set(names)) != len(names):
        raise ValueError("repeated")
    return names


def _duration(value: object) -> timedelta:
    return parse_duration(_text(value))


def _lasting(value: object) -> timedelta:
    if _duration(value) <= timedelta():
        raise ValueError("zero")
    return _duration(value)


def _moment(value: object) -> timedelta | datetime:
    try:
        return parse_duration(_text(value))
    except ValueError:
        return parse_instant(_text(value))


def _interruption(value: object) -> int:
    if value in ("unknown", "-1"):
        return UNKNOWN_INTERRUPTION
    return int(_duration(value).total_seconds())


def _id(value: object) -> str:
    if not is_event_id(_text(value).upper()):
        raise ValueError("id")
    return _text(value).upper()


def _status(value: object) -> int:
    number = int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else value
    if not isinstance(number, int) or isinstance(number, bool) or not 200 <= number <= 599:
        raise ValueError("status")
    return number


def _path(value: object) -> str:
    if not _text(value).startswith("/"):
        raise ValueError("path")
    return _text(value)


def _location(value: object) -> str:
    if not is_location(_text(value)):
        raise ValueError("location")
    return _text(value)


def _count(value: object) -> int:
    number = int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else value
    if not isinstance(number, int) or isinstance(number, bool) or number < 0:
        raise ValueError("count")
    return number


def _turn(value: object) -> int:
    if _count(value) < 1:
        raise ValueError("turn")
    return _count(value)


def _object(value: object) -> dict[str, Any]:
    found = json.loads(value) if isinstance(value, str) else value
    if not isinstance(found, dict):
        raise ValueError("object")
    return found


_STRING: Schema = {"type": "string"}
_SPELT_DURATION = r"^(\d+(\.\d+)?(ms|d|h|m|s))+$"
TEXT = Kind(expected="text", read=_text, schema=_STRING)
VM = Kind(expected="the name of a VM", read=_name, schema={"type": "string", "minLength": 1})
VMS = Kind(
    expected="a list of names of VMs, each once",
    read=_names,
    schema={"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1, "uniqueItems": True},
    repeats="vm",
)
LASTING = Kind(
    expected=f"{DURATION}, longer than nothing",
    read=_lasting,
    schema={"type": "string", "pattern": _SPELT_DURATION},
)
SPAN = Kind(expected=DURATION, read=_duration, schema={"type": "string", "pattern": _SPELT_DURATION})
MOMENT = Kind(
    expected=f"{DURATION}, or {INSTANT}",
    read=_moment,
    schema={
        "anyOf": [{"type": "string", "pattern": _SPELT_DURATION}, {"type": "string", "format": "date-time"}]
    },
)
INTERRUPTION = Kind(
    expected=f"{DURATION}, or unknown",
    read=_interruption,
    schema={"anyOf": [{"type": "string", "pattern": _SPELT_DURATION}, {"enum": ["unknown", "-1"]}]},
)
ID = Kind(
    expected=GUID,
    read=_id,
    schema={"type": "string", "pattern": "^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$"},
)
STATUS = Kind(
    expected="an HTTP status from 200 to 599",
    read=_status,
    schema={"type": "integer", "minimum": 200, "maximum": 599},
)
TURN = Kind(expected="a number, 1 or more", read=_turn, schema={"type": "integer", "minimum": 1})
COUNT = Kind(expected="a number, 0 or more", read=_count, schema={"type": "integer", "minimum": 0})
_NAMES: Schema = {
    "type": "array",
    "items": {"type": "string", "minLength": 1},
    "minItems": 1,
    "uniqueItems": True,
}
ROLES = Kind(expected="a list of roles, each once", read=_names, schema=_NAMES, repeats="role")
ACTIONS = Kind(expected="a list of actions, each once", read=_names, schema=_NAMES, repeats="without")
OBJECT = Kind(expected="a JSON object", read=_object, schema={"type": "object"})
LOCATION = Kind(
    expected="a location in printable ASCII",
    read=_location,
    schema={"type": "string", "pattern": "^[ -~]*$"},
)
PATH = Kind(expected="a path that begins with /", read=_path, schema={"type": "string", "pattern": "^/"})


def one_of(values: type[StrEnum]) -> Kind:
    """A kind that takes the values of an enumeration, in any case."""
    names = tuple(member.value for member in values)

    def member(value: object) -> StrEnum:
        for candidate in values:
            if candidate.value.lower() == _text(value).lower():
                return candidate
        raise ValueError("choice")

    return Kind(
        expected=f"one of {', '.join(names)}",
        read=member,
        schema={"type": "string", "enum": list(names)},
        choices=names,
    )
