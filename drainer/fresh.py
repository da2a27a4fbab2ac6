"""Openers for files of ours: private, never somebody else's file behind a link that bears our name, and never
a pipe or a device in its place, which could hold its reader for ever or never end.

What root makes in a directory of the daemon's user belongs to that user: a command that an operator runs as
root must leave nothing there that the daemon cannot open.

Knows files only; it must not know what is written, or why.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat

from drainer.machine import THIS

AT_ONCE = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
"""Without waiting for the other end of a pipe; and, on Windows, every byte as it is written."""

AS_IT_IS = AT_ONCE | getattr(os, "O_NOFOLLOW", 0)
"""Not through a link."""


def readable(path: str, flags: int) -> int:
    """OSError where no regular file stands there."""
    return _regular(os.open(path, flags | AT_ONCE))


def private(path: str, flags: int) -> int:
    """Mode 0600, however it was made; OSError where a link, a pipe or a device stands in its place."""
    if flags & os.O_CREAT:
        with contextlib.suppress(FileExistsError):
            return _made(path, flags | os.O_EXCL)
    opened = _regular(os.open(path, flags | AS_IT_IS, 0o600))
    if os.name == "posix" and os.fstat(opened).st_mode & 0o077:
        with contextlib.suppress(OSError):  # somebody else's, which we may write all the same
            os.fchmod(opened, 0o600)
    return opened


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


def _regular(opened: int) -> int:
    if stat.S_ISREG(os.fstat(opened).st_mode):
        return opened
    kind = errno.EISDIR if stat.S_ISDIR(os.fstat(opened).st_mode) else errno.EINVAL
    os.close(opened)
    if kind == errno.EISDIR:
        raise IsADirectoryError(kind, os.strerror(kind))
    raise OSError(errno.EINVAL, "no regular file stands there")
