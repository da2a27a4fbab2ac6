"""Log lines: an event name in the form noun.past_participle, everything else key and value.

JSON off a terminal, short lines on one. Writes to stderr; it must not know what is worth saying.
"""

from __future__ import annotations

import json
import os
import select
import sys
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import IntEnum
from typing import TextIO

from drainer.core.codec import encode
from drainer.core.model import Instant


class Level(IntEnum):
    INFO = 20
    WARNING = 30
    ERROR = 40


PIECE = 1024
"""Characters at once, at most 4 KiB: a pipe that may be written to takes them without waiting (pipe(7))."""

PATIENCE_S = 1.0
"""How long a stream that takes nothing is waited for, once; lines are dropped then, until it takes some."""

COLOURS = {Level.INFO: "", Level.WARNING: "\x1b[33m", Level.ERROR: "\x1b[31m"}


class Log:
    """One line an event. A stream that cannot be written to is no reason to stop draining, nor is one that
    nobody reads (a journal that hangs): what it does not take is dropped, and counted in `log.dropped`."""

    def __init__(
        self,
        now: Callable[[], Instant],
        stream: TextIO | None = None,
        always: Mapping[str, object] | None = None,
    ) -> None:
        """`always` stands on every line."""
        self._now = now
        self._always = dict(always or {})
        self._stream = sys.stderr if stream is None else stream
        self._terminal = self._stream.isatty()
        self._file = _file_of(self._stream)
        self._dropped = 0
        self._begun = False  # a line was cut off in its middle
        self._writing = threading.Lock()

    def info(self, event: str, /, **values: object) -> None:
        """Something changed."""
        self.write(Level.INFO, event, values)

    def warning(self, event: str, /, **values: object) -> None:
        """Something is off; the daemon goes on."""
        self.write(Level.WARNING, event, values)

    def error(self, event: str, /, **values: object) -> None:
        """A person should look."""
        self.write(Level.ERROR, event, values)

    def write(self, level: Level, event: str, values: dict[str, object]) -> None:
        at = self._now().wall
        shape = _for_terminal if self._terminal else _as_json
        line = shape(at, level, event, {**values, **self._always})
        try:
            with self._writing:
                if self._dropped and self._takes():
                    dropped, self._dropped = self._dropped, 0
                    self._put(shape(at, Level.WARNING, "log.dropped", {"lines": dropped, **self._always}))
                self._put(line)
        except (OSError, ValueError):
            return

    def _put(self, line: str) -> None:
        """The line, or as much of it as the stream takes in time."""
        text = f"\n{line}\n" if self._begun else f"{line}\n"
        for start in range(0, len(text), PIECE):
            if not self._takes():
                self._dropped += 1
                return
            self._begun = start + PIECE < len(text)
            self._stream.write(text[start : start + PIECE])
            self._stream.flush()

    def _takes(self) -> bool:
        if self._file is None:
            return True
        _, ready, _ = select.select([], [self._file], [], 0 if self._dropped else PATIENCE_S)
        return bool(ready)


def _file_of(stream: TextIO) -> int | None:
    """What to ask whether it takes a line; None: it cannot be asked, and is written to as it is."""
    try:
        return stream.fileno() if os.name == "posix" else None
    except (OSError, ValueError):
        return None


def _as_json(at: datetime, level: Level, event: str, values: dict[str, object]) -> str:
    line = {"at": encode(at), "level": level.name.lower(), "event": event}
    return json.dumps({**line, **{key: _plain(value) for key, value in values.items()}}, ensure_ascii=False)


def _for_terminal(at: datetime, level: Level, event: str, values: dict[str, object]) -> str:
    clock = at.astimezone(UTC).strftime("%H:%M:%S.%f")[:-3]
    said = " ".join(f"{key}={_short(value)}" for key, value in values.items())
    colour = COLOURS[level]
    return f"{clock} {colour}{event:<22}{chr(27) + '[0m' if colour else ''} {said}"


def _plain(value: object) -> object:
    try:
        return encode(value)
    except TypeError:
        return str(value)


def _short(value: object) -> str:
    plain = _plain(value)
    if isinstance(plain, str) and plain.isprintable() and " " not in plain:
        return plain
    return json.dumps(plain, ensure_ascii=not str(plain).isprintable())
