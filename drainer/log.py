"""Log lines: an event name in the form noun.past_participle, everything else key and value.

JSON off a terminal, short lines on one. Writes to stderr; it must not know what is worth saying.
"""

from __future__ import annotations

import json
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


COLOURS = {Level.INFO: "", Level.WARNING: "\x1b[33m", Level.ERROR: "\x1b[31m"}


class Log:
    """One line an event. A stream that cannot be written to is no reason to stop draining."""

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
        try:
            with self._writing:
                self._stream.write(shape(at, level, event, {**values, **self._always}) + "\n")
                self._stream.flush()
        except (OSError, ValueError):
            return


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
