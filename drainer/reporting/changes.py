"""What was recorded last, for a record on change only: one line in the user's cache.

It is no state: losing it costs one line that is recorded twice.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

NAME = "last-record"


def cache_file(environ: Mapping[str, str]) -> Path | None:
    """Where this user's programs keep what may be lost; None where the environment names no home."""
    for variable, below in (("XDG_CACHE_HOME", ()), ("LOCALAPPDATA", ()), ("HOME", (".cache",))):
        if environ.get(variable):
            return Path(environ[variable], *below, "drainer", NAME)
    return None


class LastRecord:
    """The last line that was recorded. Never raises; `trouble` says why it could not be kept."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self.trouble = ""

    def differs(self, line: str) -> bool:
        """Whether this line is news; so is every line where nothing is remembered."""
        if self._path is None:
            return True
        try:
            return self._path.read_text(encoding="utf-8") != line
        except (OSError, UnicodeDecodeError):
            return True

    def keep(self, line: str) -> None:
        """Remember it: whole or not at all."""
        if self._path is None:
            self.trouble = "neither HOME nor XDG_CACHE_HOME is set: every record counts as a change"
            return
        fresh = self._path.with_name(f"{NAME}.{os.getpid()}")
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            fresh.write_text(line, encoding="utf-8")
            fresh.replace(self._path)
        except OSError as error:
            self.trouble = f"{self._path}: {error}: every record counts as a change"
