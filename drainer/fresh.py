"""Openers for files of ours: private, and never somebody else's file behind a link that bears our name.

What root makes in a directory of the daemon's user belongs to that user: a command that an operator runs as
root must leave nothing there that the daemon cannot open.

Knows files only; it must not know what is written, or why.
"""

from __future__ import annotations

import contextlib
import os

from drainer.machine import THIS

AS_IT_IS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
"""Not through a link; and, on Windows, every byte as it is written."""


def private(path: str, flags: int) -> int:
    """Mode 0600 where it is made; OSError where a symbolic link stands in its place."""
    if flags & os.O_CREAT:
        with contextlib.suppress(FileExistsError):
            return _made(path, flags | os.O_EXCL)
    return os.open(path, flags | AS_IT_IS, 0o600)


def anew(path: str, flags: int) -> int:
    """A private file that was not there before: what lay in its place is taken away, never written to."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    return _made(path, flags | os.O_EXCL)


def _made(path: str, flags: int) -> int:
    """Only what was made here, and nobody else's file, is given away."""
    opened = os.open(path, flags | AS_IT_IS, 0o600)
    with contextlib.suppress(OSError):  # root without the right to: the file stays root's, and is written
        THIS.give_to_owner_of(os.path.dirname(path) or ".", opened)
    return opened
