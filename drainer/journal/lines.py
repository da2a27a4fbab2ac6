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
    """A record of a kind that this release does not know."""


def write_line(record: Record) -> str:
    """The record as one line, without its newline."""
    body, at = encode(record.body), encode(record.at)
    del at[TAG]
    line = {"schema": SCHEMA, "at": at, KIND: body.pop(TAG), "body": body}
    return json.dumps(line, separators=(",", ":"), ensure_ascii=False)


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
    try:
        value = json.loads(line)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(value, dict) or not isinstance(value.get("schema"), int):
        raise ValueError("not a record")
    kind = value.get(KIND)
    if kind not in KINDS:
        raise Unknown(f"kind {kind!r}, schema {value['schema']}")
    try:
        at: Instant = decode(Instant, value.get("at"))
        body: Body = decode(KINDS[kind], value.get("body"))
    except (OverflowError, TypeError, RecursionError) as error:
        raise ValueError(str(error)) from error
    return Record(at=at, body=body)
