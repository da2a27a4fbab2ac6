"""One record, one line of JSON. Versioned: unknown kinds are kept in the file and skipped here.

A torn last line is dropped with a warning; a line that makes no sense anywhere else is damage.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from drainer.core.codec import TAG, decode, encode
from drainer.core.model import Instant
from drainer.core.record import (
    Body,
    Closed,
    Finished,
    Intended,
    Joined,
    Noted,
    Opened,
    Record,
    Wished,
)

SCHEMA = 1
KIND = "kind"
KINDS: dict[str, type[Any]] = {
    cls.__name__.lower(): cls for cls in (Opened, Joined, Noted, Intended, Finished, Wished, Closed)
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What a journal's lines say. `damage`: line numbers (from 1) that could not be read, with the reason.

    `torn`: the last line was cut off. `skipped`: records of kinds or schemas of another release.
    """

    records: tuple[Record, ...]
    damage: tuple[tuple[int, str], ...] = ()
    torn: bool = False
    skipped: int = 0


class Unknown(ValueError):
    """A record that another release wrote and this one does not know."""


def write_line(record: Record) -> str:
    """The record as one line of ASCII, without its newline."""
    body = encode(record.body)
    at = encode(record.at)
    del at[TAG]
    return json.dumps({"schema": SCHEMA, "at": at, KIND: body.pop(TAG), "body": body}, separators=(",", ":"))


def read_lines(lines: Sequence[str], *, complete: bool = True) -> Loaded:
    """Read a journal's lines in order. `complete` False: the last one has no newline, so it was torn."""
    records: list[Record] = []
    damage: list[tuple[int, str]] = []
    skipped = 0
    whole: Iterable[str] = lines if complete else lines[:-1]
    for number, line in enumerate(whole, start=1):
        try:
            records.append(read_line(line))
        except Unknown:
            skipped += 1
        except ValueError as error:
            damage.append((number, str(error)[:200]))
    return Loaded(records=tuple(records), damage=tuple(damage), torn=not complete, skipped=skipped)


def read_line(line: str) -> Record:
    """The record of one line. Raises Unknown (another release wrote it) or ValueError (damage)."""
    value = _object(line)
    schema, kind = value.get("schema"), value.get(KIND)
    if type(schema) is not int or not isinstance(kind, str):
        raise ValueError("not a record")
    try:
        if kind not in KINDS:
            raise Unknown(f"kind {kind!r} of schema {schema}")
        at: Instant = decode(Instant, value.get("at"))
        body: Body = decode(KINDS[kind], value.get("body"))
    except (ValueError, OverflowError, TypeError, RecursionError) as error:
        if schema > SCHEMA:
            raise Unknown(f"schema {schema}: {error}") from error
        raise error if isinstance(error, ValueError) else ValueError(str(error)) from error
    return Record(at=at, body=body)


def known(line: str) -> Record | None:
    """The same; None: another release wrote it. A line that nobody can read raises ValueError."""
    try:
        return read_line(line)
    except Unknown:
        return None


def _object(line: str) -> dict[str, Any]:
    """Raises ValueError, also for bytes that were no UTF-8."""
    line.encode()
    try:
        value = json.loads(line)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(value, dict):
        raise ValueError("not a record")
    return value
