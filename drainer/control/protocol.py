"""One JSON line to ask, one JSON line to answer: their shape and bounds, the same at both ends.

Knows bytes and sockets; it must not know what a verb means.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from drainer.errors import DrainerError, Refused, Transient

SCHEMA = 1
REQUEST_LIMIT = 16 * 1024
ANSWER_LIMIT = 16 * 1024 * 1024
REQUEST_WITHIN_S = 5.0
ANSWER_WITHIN_S = 30.0
"""Longer than the daemon lets a wish wait for its record."""

LISTED = 20
"""Ids that a message lists at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """`fields` holds every member beside schema and verb."""

    verb: str
    fields: Mapping[str, Any] = field(default_factory=dict)

    def text(self, name: str, *, most: int = 500) -> str:
        """A member that must be there. Raises Refused kind "bad-request"."""
        value = self.fields.get(name)
        if not isinstance(value, str) or not value.strip() or len(value) > most or not value.isprintable():
            raise bad(f"{name}: expected 1 to {most} printable characters, got {str(value)[:60]!r}")
        return value.strip()


def bad(reason: str) -> Refused:
    return Refused("bad-request", reason)


def write_request(request: Request) -> bytes:
    return _line({"schema": SCHEMA, "verb": request.verb, **request.fields})


def read_request(line: bytes) -> Request:
    """Raises Refused kind "bad-request" naming what was expected."""
    asked = _object(line)
    if asked is None:
        raise bad("expected one JSON object on one line")
    if asked.pop("schema", None) != SCHEMA:
        raise bad(f"schema: expected {SCHEMA}; this daemon is of another release than who asks")
    verb = asked.pop("verb", None)
    if not isinstance(verb, str):
        raise bad("verb: expected a text")
    return Request(verb=verb, fields=asked)


def write_answer(says: Mapping[str, Any]) -> bytes:
    return _line({"schema": SCHEMA, "ok": True, **says})


def write_refusal(error: DrainerError) -> bytes:
    """Said so that the asker can tell "ask again" from "no"."""
    again = isinstance(error, Transient)
    return _line({"schema": SCHEMA, "ok": False, "kind": error.kind, "reason": error.reason, "again": again})


def read_answer(line: bytes) -> dict[str, Any]:
    """What the daemon said. Raises Refused or Transient with its own words."""
    answer = _object(line)
    if answer is None or answer.get("schema") != SCHEMA:
        raise Refused("bad-answer", "the daemon's answer is not of this release; restart the daemon")
    if answer.get("ok") is True:
        return answer
    kind, reason = str(answer.get("kind")), str(answer.get("reason"))
    raise (Transient if answer.get("again") else Refused)(kind, reason)


def read_line(connection: socket.socket, *, most: int, within_s: float) -> bytes:
    """One line, whole, in time. Raises OSError: it did not come so."""
    deadline, line = monotonic() + within_s, bytearray()
    while not line.endswith(b"\n"):
        left = deadline - monotonic()
        if left <= 0:
            raise TimeoutError(f"no whole line within {within_s:g} s")
        connection.settimeout(left)
        chunk = connection.recv(min(65536, most + 1 - len(line)))
        line += chunk
        if not chunk or len(line) > most:
            raise ConnectionAbortedError(f"no whole line of at most {most} bytes")
    return bytes(line)


def _line(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode("ascii") + b"\n"


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
