"""Where the journal's lines live: a file, fsynced a record at a time.

Knows bytes and files. It must not know what a line means.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from drainer.errors import Broken
from drainer.fresh import anew, private, readable
from drainer.machine import THIS

JOURNAL = "journal.jsonl"
BALLAST = "journal.reserve"
BALLAST_BYTES = 512 * 1024


LONGEST_SUFFIX = 100
MOST_ASIDE = 100
_NO_NAME = re.compile(r"[^\w.-]", re.ASCII)

NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernel:
    """The calls that a full or broken disk fails: `allocate` takes a file, an offset and a size."""

    write: Callable[[int, bytes], int] = os.write
    fsync: Callable[[int], None] = os.fsync
    allocate: Callable[[int, int, int], None] = THIS.allocate


def unheard(reason: str) -> None:
    """Nobody listens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """Which file, and how long."""

    device: int
    number: int
    size: int


def _seen(found: os.stat_result) -> _Seen:
    return _Seen(device=found.st_dev, number=found.st_ino, size=found.st_size)


class FileStore:
    """Append-only lines in `DIRECTORY/journal.jsonl`, mode 0600.

    It keeps in mind what it read and wrote: a file that somebody took away, cut or replaced meanwhile is
    written again, and `altered` is told.
    """

    def __init__(
        self, directory: Path, *, kernel: Kernel | None = None, altered: Callable[[str], None] = unheard
    ) -> None:
        self._kernel = kernel or Kernel()
        self._altered = altered
        self._lines: list[str] = []
        self._left: _Seen | None = None
        self.path = directory / JOURNAL
        self._ballast = directory / BALLAST
        self.complete = True
        self._whole = 0

    def load(self) -> Sequence[str]:
        """Every line. Afterwards `complete` tells whether the last one ended. Raises Broken."""
        try:
            with open(self.path, "rb", opener=readable) as opened:
                content = opened.read()
                self._left = _seen(os.fstat(opened.fileno()))
        except FileNotFoundError:
            self._lines, self._left = [], None
            return ()
        except OSError as error:
            raise Broken("journal-unreadable", f"{self.path}: {error.strerror}") from error
        self._whole = content.rfind(b"\n") + 1
        self.complete = self._whole == len(content)
        text = content.decode("utf-8", errors="surrogateescape")
        lines = text.removesuffix("\n").split("\n") if text else []
        self._lines = lines if self.complete else lines[:-1]
        return tuple(lines)

    def append(self, line: str) -> None:
        """Write one line and wait until it is on disk. Raises Broken kind "journal-unwritable"."""
        self.keep()
        try:
            self._append(line)
        except OSError as error:
            if error.errno not in NO_ROOM or not self._drop_ballast():
                raise self._unwritable(self.path, error) from error
            self._append_into_freed_room(line)
        self._lines.append(line)

    def keep(self) -> None:
        """See that what was read and written is there, and write it again where it is not. Raises Broken."""
        if self._left is None:
            return
        try:
            found = _seen(os.lstat(self.path))
        except FileNotFoundError:
            found = None
        except OSError as error:
            raise self._unwritable(self.path, error) from error
        if found == self._left:
            return
        self._write_again()
        self._altered(f"{self.path} was {'changed by somebody' if found else 'gone'}; it is written again")

    def _write_again(self) -> None:
        """What stands in its place now is kept beside it, where it says anything."""
        with contextlib.suppress(OSError):
            if self.size():
                os.link(self.path, self._free_name("altered"), follow_symlinks=False)
        try:
            self.replace(self._lines)
        except Broken:
            if not self._drop_ballast():
                raise
            self.replace(self._lines)

    def _append_into_freed_room(self, line: str) -> None:
        try:
            self._append(line)
        except OSError as error:
            raise self._unwritable(self.path, error) from error

    def _append(self, line: str) -> None:
        fresh = not self.path.exists()
        opened = private(str(self.path), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        try:
            if not self.complete:
                os.ftruncate(opened, self._whole)
                self.complete = True
            self._write_whole(opened, line.encode("utf-8") + b"\n")
            self._left = _seen(os.fstat(opened))
        finally:
            os.close(opened)
        if fresh:
            self._sync_directory()

    def reserve(self) -> None:
        """Keep room for one episode's records, so that a disk that fills up cannot stop us giving back.

        It stays from one episode to the next. The journal itself is opened too: better that a link, a wrong
        owner or a read-only disk is found now than by the first notice. Raises Broken kind
        "journal-unwritable", or "journal-full" where there is no room alone.
        """
        place = self.path
        try:
            self._make_sure_of_the_file()
            place = self._ballast
            opened = private(str(self._ballast), os.O_WRONLY | os.O_CREAT)
            try:
                if os.fstat(opened).st_size < BALLAST_BYTES:
                    self._kernel.allocate(opened, 0, BALLAST_BYTES)
            finally:
                os.close(opened)
        except OSError as error:
            if place == self._ballast:
                self._drop_ballast()
            kind = "journal-full" if error.errno in NO_ROOM else "journal-unwritable"
            raise Broken(kind, f"{place}: {error.strerror}") from error

    def _make_sure_of_the_file(self) -> None:
        fresh = not self.path.exists()
        os.close(private(str(self.path), os.O_WRONLY | os.O_APPEND | os.O_CREAT))
        if fresh:
            self._sync_directory()

    def _drop_ballast(self) -> bool:
        try:
            self._ballast.unlink()
        except OSError:
            return False
        return True

    def replace(self, lines: Sequence[str]) -> None:
        """Put these lines in place of the whole journal, at once or not at all. Raises Broken."""
        fresh = self.path.with_suffix(".new")
        try:
            with open(fresh, "w", encoding="utf-8", errors="surrogateescape", opener=anew) as opened:
                opened.writelines(line + "\n" for line in lines)
                opened.flush()
                self._kernel.fsync(opened.fileno())
            os.replace(fresh, self.path)
            self._lines, self._left = list(lines), _seen(os.lstat(self.path))
            self._sync_directory()
        except OSError as error:
            with contextlib.suppress(OSError):
                fresh.unlink()  # half a copy would take the room that the records need
            raise self._unwritable(self.path, error) from error
        self.complete = True

    def set_aside(self, suffix: str) -> Path:
        """Move the journal, if there is one, out of the way; where it went. Raises Broken.

        `suffix` may be anybody's text. What was set aside before stays.
        """
        aside = self._free_name(_NO_NAME.sub("_", suffix)[:LONGEST_SUFFIX])
        try:
            with contextlib.suppress(FileNotFoundError):
                os.replace(self.path, aside)
            self._sync_directory()
        except OSError as error:
            raise self._unwritable(self.path, error) from error
        self.complete = True
        self._lines, self._left = [], None
        return aside

    def _free_name(self, suffix: str) -> Path:
        names = (f"{JOURNAL}.{suffix}{again}" for again in ("", *(f".{n}" for n in range(2, MOST_ASIDE))))
        free = (place for name in names if not os.path.lexists(place := self.path.with_name(name)))
        return next(free, self.path.with_name(f"{JOURNAL}.{suffix}"))

    def size(self) -> int:
        """Bytes on disk; 0 where there is no journal yet."""
        try:
            return self.path.stat().st_size
        except OSError:
            return 0

    def _write_whole(self, opened: int, content: bytes) -> None:
        """Write everything and sync it, or cut the file back to where it was."""
        start, written = os.fstat(opened).st_size, 0
        try:
            while written < len(content):
                written += self._kernel.write(opened, content[written:])
            self._kernel.fsync(opened)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(opened, start)
            raise

    def _sync_directory(self) -> None:
        """Make a new name durable."""
        THIS.sync_directory(self.path.parent, self._kernel.fsync)

    def _unwritable(self, path: Path, error: OSError) -> Broken:
        return Broken("journal-unwritable", f"{path}: {error.strerror}")


class MemoryStore:
    """Lines in memory: dry-run, tests, `explain`."""

    def __init__(self, lines: Sequence[str] = ()) -> None:
        self.lines = list(lines)
        self.complete = True

    def load(self) -> Sequence[str]:
        return tuple(self.lines)

    def append(self, line: str) -> None:
        self.lines.append(line)

    def keep(self) -> None:
        return

    def reserve(self) -> None:
        return

    def replace(self, lines: Sequence[str]) -> None:
        self.lines = list(lines)

    def set_aside(self, suffix: str) -> Path:
        self.lines = []
        return Path(suffix)

    def size(self) -> int:
        return sum(map(len, self.lines))
