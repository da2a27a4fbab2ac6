"""What differs from one operating system to another: places, locks, room on the disk, the end of a child.

One seam, so that the branches of Windows are tested on any machine. It was not run on Windows itself.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Any, cast

LOOK_EVERY_S = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """`lock`: an exclusive lock that ends with the process; raises OSError where another holds it.

    `allocate`: room on the disk from an offset, for a size, not only in the file's length. `sync_directory`:
    make a new name durable. `give_to_owner_of`: an open file to who owns a directory, where we are root and
    that is another. `end`: kill a child, and what it started where that can be told. `readable`:
    whether a pipe has something, or has ended, within so many seconds.
    """

    policy: Path
    state: Path
    socket: Path
    lock: Callable[[int], None]
    allocate: Callable[[int, int, int], None]
    sync_directory: Callable[[Path, Callable[[int], None]], None]
    give_to_owner_of: Callable[[str, int], None]
    end: Callable[[int], None]
    readable: Callable[[int, float], bool]


def posix() -> Machine:
    """Linux, and whoever else has flock."""
    return Machine(
        policy=Path("/etc/drainer/policy.yaml"),
        state=Path("/var/lib/drainer"),
        socket=Path("/run/drainer/control.sock"),
        lock=_flock,
        allocate=getattr(os, "posix_fallocate", _filled),
        sync_directory=_directory_synced,
        give_to_owner_of=_given,
        end=_group_killed,
        readable=_selected,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Crt:
    """What is asked of Windows' C library and kernel.

    `lock`: as msvcrt.locking does without waiting. `waiting`: how many bytes a pipe holds; OSError where it
    has ended.
    """

    lock: Callable[[int], None]
    waiting: Callable[[int], int]


def windows(environ: Mapping[str, str], crt: Crt) -> Machine:
    """Everything lies under %ProgramData%.

    There is no control socket there, since nobody says who connects to it; the path is only a name.
    """
    root = Path(environ.get("ProgramData") or r"C:\ProgramData") / "drainer"

    def lock(opened: int) -> None:
        os.lseek(opened, 0, os.SEEK_SET)  # a region from where the file stands: all must mean the same one
        crt.lock(opened)

    return Machine(
        policy=root / "policy.yaml",
        state=root / "state",
        socket=root / "control.sock",
        lock=lock,
        allocate=_filled,
        sync_directory=lambda directory, fsync: None,  # there is no such call, and none is needed
        give_to_owner_of=lambda directory, opened: None,  # rights are those of the directory
        end=_killed,
        readable=lambda opened, within_s: _peeked(crt.waiting, opened, within_s),
    )


def _flock(opened: int) -> None:
    import fcntl

    fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _filled(opened: int, offset: int, size: int) -> None:
    os.lseek(opened, offset, os.SEEK_SET)
    left = size
    while left > 0:
        left -= os.write(opened, b"\0" * left)


def _directory_synced(directory: Path, fsync: Callable[[int], None]) -> None:
    opened = os.open(directory, os.O_RDONLY)
    try:
        fsync(opened)
    finally:
        os.close(opened)


def _given(directory: str, opened: int) -> None:
    owner = os.stat(directory)
    if os.geteuid() == 0 and owner.st_uid != 0:
        os.fchown(opened, owner.st_uid, owner.st_gid)


def _group_killed(pid: int) -> None:
    with contextlib.suppress(OSError):
        os.killpg(pid, signal.SIGKILL)


def _killed(pid: int) -> None:
    with contextlib.suppress(OSError):
        os.kill(pid, signal.SIGTERM)  # TerminateProcess, which asks nothing


def _selected(opened: int, within_s: float) -> bool:
    with selectors.DefaultSelector() as selector:
        selector.register(opened, selectors.EVENT_READ)
        return bool(selector.select(within_s))


def _peeked(waiting: Callable[[int], int], opened: int, within_s: float) -> bool:
    """Windows selects sockets alone: look again and again."""
    deadline, pause = monotonic() + within_s, Event()
    while True:
        try:
            if waiting(opened):
                return True
        except OSError:
            return True  # it has ended, which the read will say
        if monotonic() >= deadline:
            return False
        pause.wait(LOOK_EVERY_S)


def this_one(platform: str, environ: Mapping[str, str]) -> Machine:
    """The machine of `sys.platform`."""
    return windows(environ, _crt()) if platform == "win32" else posix()


def _crt() -> Crt:  # pragma: no cover - Windows alone has these
    import ctypes
    import msvcrt

    crt, kernel = cast(Any, msvcrt), cast(Any, ctypes).windll.kernel32

    def waiting(opened: int) -> int:
        found = ctypes.c_ulong()
        pipe = ctypes.c_void_p(crt.get_osfhandle(opened))
        if not kernel.PeekNamedPipe(pipe, None, 0, None, ctypes.byref(found), None):
            raise OSError("the pipe has ended")
        return found.value

    return Crt(lock=lambda opened: crt.locking(opened, crt.LK_NBLCK, 1), waiting=waiting)


THIS = this_one(sys.platform, os.environ)
