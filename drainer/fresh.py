"""Openers for files of ours: private, and never somebody else's file behind a link that bears our name.

Knows files only; it must not know what is written, or why.
"""

from __future__ import annotations

import contextlib
import os

AS_IT_IS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
"""Not through a link; and, on Windows, every byte as it is written."""


def private(path: str, flags: int) -> int:
    """Mode 0600 where it is made; OSError where a symbolic link stands in its place."""
    return os.open(path, flags | AS_IT_IS, 0o600)


def anew(path: str, flags: int) -> int:
    """A private file that was not there before: what lay in its place is taken away, never written to."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    return private(path, flags | os.O_EXCL)
