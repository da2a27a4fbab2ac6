"""Bytes of an answer into one JSON object, strictly: what cannot be believed is `Unreadable`.

It must not know which document it reads.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn

from drainer.core.model import Unreadable
from drainer.transport.http import Answer

JsonObject = dict[str, Any]

ABSENT = "http-404"
"""The kind of a definite "there is no such document here"."""

_KNOWN = frozenset({400, 401, 403, 404, 405, 408, 410, 429, 500, 502, 503, 504})


def status_kind(status: int) -> str:
    """A bounded label for an HTTP status."""
    return f"http-{status}" if status in _KNOWN else "http-other"


def refused_status(answer: Answer) -> Unreadable:
    """An answer that is not 200, with the start of what it said."""
    said = answer.body[:200].decode("utf-8", "replace").strip()
    return Unreadable(kind=status_kind(answer.status), reason=f"answered {answer.status}: {said!r}")


def text_of(body: bytes) -> str | Unreadable:
    """The body as text. A zero-byte 200 has been seen in the field: it is a failure, not "no events"."""
    if not body.strip():
        return Unreadable(kind="empty", reason=f"a body of {len(body)} bytes with nothing in it")
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        return Unreadable(kind="not-utf8", reason=str(error))


def json_object(body: bytes) -> JsonObject | Unreadable:
    """The one JSON object that the body is. No member twice, no NaN, nothing before or after."""
    text = text_of(body)
    if isinstance(text, Unreadable):
        return text
    try:
        value = STRICT.decode(text)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()  # half of a surrogate pair could not be written on
    except (ValueError, RecursionError) as error:
        return Unreadable(kind="not-json", reason=f"{error} in {text[:100]!r}")
    if not isinstance(value, dict):
        return wrong_shape(f"expected an object, got {text[:100]!r}")
    return value


def wrong_shape(reason: str) -> Unreadable:
    return Unreadable(kind="wrong-shape", reason=reason)


def _unique(pairs: list[tuple[str, Any]]) -> JsonObject:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError(f"a member stands twice among {[name for name, _ in pairs]}")
    return members


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


STRICT = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant)
"""JSON with no member twice and no NaN."""
