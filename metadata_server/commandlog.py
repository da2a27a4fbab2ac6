"""The scenario on disk: one JSON line for each command, on the disk before it takes effect.

A torn last line (power cut in the middle of a write) is dropped; anything else that cannot be read is a
BrokenLog, because a scenario must replay exactly or not at all.
"""

import json
import os
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from enum import Enum
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_type_hints

from metadata_server import disk
from metadata_server.commands import Command
from metadata_server.errors import BrokenLog, Problem
from metadata_server.faults import Fault, FaultKind

VERSION = 1
FILE = "commands.jsonl"
_KINDS: dict[str, type[Any]] = {kind.__name__: kind for kind in get_args(Command)}


class CommandLog:
    """An open log: the commands it held, and where new ones go."""

    def __init__(self, *, path: Path, started_at: datetime, commands: tuple[Command, ...]) -> None:
        self.started_at = started_at
        self.commands = commands
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND)
        if not disk.alone(self._file):
            os.close(self._file)
            raise BrokenLog([Problem(field=str(path), expected="a log of its own", found="one in use")])

    @classmethod
    def open(cls, directory: Path, *, started_at: datetime, clock: str) -> "CommandLog":
        """The log in `directory`, begun now if there is none; BrokenLog if it cannot be replayed."""
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / FILE
        lines = _whole_lines(path)
        if not lines:
            begin = {"kind": "Begin", "version": VERSION, "at": started_at.isoformat(), "clock": clock}
            _write_new(path, json.dumps(begin))
            return cls(path=path, started_at=started_at, commands=())
        begun = _begun(path, lines[0], clock)
        commands = tuple(_command(path, number, line) for number, line in enumerate(lines[1:], 2))
        return cls(path=path, started_at=begun, commands=commands)

    def keep(self, command: Command) -> None:
        """Append the command; on the disk when this returns."""
        os.write(self._file, json.dumps(to_record(command)).encode() + b"\n")
        os.fsync(self._file)

    def close(self) -> None:
        os.close(self._file)


def to_record(command: Command) -> dict[str, object]:
    """A command as JSON values."""
    return {"kind": type(command).__name__, **_members(command)}


def from_record(record: dict[str, Any]) -> Command:
    """The command that `to_record` wrote; ValueError, KeyError or TypeError if it is none."""
    kind = _KINDS[record["kind"]]
    hints = get_type_hints(kind)
    values = {name: _read(hints[name], value) for name, value in record.items() if name != "kind"}
    command: Command = kind(**values)
    return command


def _members(value: Any) -> dict[str, object]:
    return {entry.name: _written(getattr(value, entry.name)) for entry in fields(value)}


def _written(value: object) -> object:
    match value:
        case datetime():
            return value.isoformat()
        case timedelta():
            return value // timedelta(microseconds=1)
        case Enum():
            return value.value
        case tuple():
            return list(value)
        case Fault():
            return _members(value)
        case _:
            return value


def _read(hint: Any, value: Any) -> object:
    if isinstance(hint, UnionType):
        return None if value is None else _read(get_args(hint)[0], value)
    if hint is datetime:
        return datetime.fromisoformat(value).astimezone(UTC)
    if hint is timedelta:
        return timedelta(microseconds=value)
    if hint is Fault:
        return Fault(**{**value, "kind": FaultKind(value["kind"])})
    if hint == tuple[str, ...]:
        return tuple(str(each) for each in value)
    return hint(value)


def _whole_lines(path: Path) -> list[str]:
    """The lines of the file; what stands after the last newline is cut off, also on the disk."""
    if not path.exists():
        return []
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if whole != content:
        os.truncate(path, len(whole))
    return whole.decode(errors="replace").splitlines()


def _write_new(path: Path, line: str) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT, 0o644)
    try:
        os.write(file, line.encode() + b"\n")
        os.fsync(file)
    finally:
        os.close(file)
    disk.keep_name(path)


def _begun(path: Path, line: str, clock: str) -> datetime:
    try:
        begin = json.loads(line)
        begun = datetime.fromisoformat(begin["at"])
        found = (begin["kind"], begin["version"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise _broken(path, 1, "the beginning of a scenario", line) from None
    if found != ("Begin", VERSION):
        raise _broken(path, 1, f"a scenario of version {VERSION}", line)
    if begin.get("clock") != clock:
        raise _broken(path, 1, f"a scenario on a {clock} clock", line)
    return begun


def _command(path: Path, number: int, line: str) -> Command:
    try:
        return from_record(json.loads(line))
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        raise _broken(path, number, "a command", line) from None


def _broken(path: Path, number: int, expected: str, line: str) -> BrokenLog:
    return BrokenLog([Problem(field=f"{path}:{number}", expected=expected, found=repr(line[:80]))])
