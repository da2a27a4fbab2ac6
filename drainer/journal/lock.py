"""The lock on a state directory, so that one daemon alone writes the journal there."""

from __future__ import annotations

from pathlib import Path
from typing import IO

from drainer.errors import Broken, Transient
from drainer.fresh import private
from drainer.machine import THIS


class StateLock:
    """One daemon per state directory. Held until the process ends, however it ends."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "lock"
        self._file: IO[str] | None = None

    def take(self) -> None:
        """Raises Transient kind "locked" where another process holds it, Broken where it cannot be had."""
        try:
            opened = open(self._path, "a+", encoding="ascii", opener=private)  # noqa: SIM115  held for life
        except OSError as error:
            raise Broken("state-unwritable", f"{self._path}: {error.strerror}") from error
        try:
            THIS.lock(opened.fileno())
        except OSError as error:
            opened.close()
            raise Transient("locked", f"{self._path} is held by another drainer") from error
        self._file = opened

    def release(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
