"""The seam between operating systems: the branches of Windows, on any machine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import pytest

from drainer.machine import THIS, Crt, Machine, posix, this_one, windows
from tests.until import until

SLEEPER = (sys.executable, "-c", "import sys; sys.stdin.read()")


def ended(opened: int) -> NoReturn:
    raise OSError("the pipe has ended")


def on_windows(
    tmp_path: Path, *, locked: list[int] | None = None, waiting: list[int] | None = None
) -> Machine:
    """Pipes hold what `waiting` says, one look after the other; then they have ended."""
    looks = [] if waiting is None else waiting
    return windows(
        {"ProgramData": str(tmp_path)},
        Crt(
            lock=lambda opened: (locked if locked is not None else []).append(
                os.lseek(opened, 0, os.SEEK_CUR)
            ),
            waiting=lambda opened: looks.pop(0) if looks else ended(opened),
        ),
    )


def test_the_machine_is_chosen_by_the_platform() -> None:
    """Every platform but Windows counts as one with POSIX calls."""
    assert this_one("linux", {}).state == posix().state == THIS.state
    with pytest.raises(ImportError, match="msvcrt"):
        this_one("win32", {})


def test_on_windows_everything_lies_under_program_data(tmp_path: Path) -> None:
    """Also where that variable is missing."""
    machine = on_windows(tmp_path)
    assert {machine.policy.parent, machine.state.parent, machine.socket.parent} == {tmp_path / "drainer"}
    elsewhere = windows({}, Crt(lock=ended, waiting=ended))
    assert str(elsewhere.policy).startswith("C:\\ProgramData")


def test_on_windows_a_new_file_stays_whose_it_is(tmp_path: Path) -> None:
    """Its directory says who may read and write it."""
    with open(tmp_path / "made", "w", encoding="ascii") as opened:
        before = os.fstat(opened.fileno())
        on_windows(tmp_path).give_to_owner_of("C:\\nowhere", opened.fileno())
        assert os.fstat(opened.fileno()) == before


def test_on_windows_every_daemon_locks_the_same_byte(tmp_path: Path) -> None:
    """A lock there is a region from where the file stands, and the lock's file is opened at its end."""
    locked: list[int] = []
    with open(tmp_path / "lock", "a+", encoding="ascii") as opened:
        opened.write("what an older one wrote")
        opened.flush()
        on_windows(tmp_path, locked=locked).lock(opened.fileno())
    assert locked == [0]


@pytest.mark.parametrize(
    "machine", [posix(), windows({}, Crt(lock=ended, waiting=ended))], ids=["posix", "windows"]
)
def test_room_is_there_from_the_offset_on(machine: Machine, tmp_path: Path) -> None:
    """And what stands before it is not written over."""
    opened = os.open(tmp_path / "room", os.O_RDWR | os.O_CREAT)
    try:
        os.write(opened, b"kept")
        machine.allocate(opened, 4, 100)
        assert os.pread(opened, 200, 0) == b"kept" + b"\0" * 100
    finally:
        os.close(opened)


def test_only_where_there_is_a_call_a_directory_is_synced(tmp_path: Path) -> None:
    """Windows has none."""
    synced: list[bool] = []
    posix().sync_directory(tmp_path, lambda opened: synced.append(os.path.isdir(f"/proc/self/fd/{opened}")))
    on_windows(tmp_path).sync_directory(tmp_path, lambda opened: synced.append(False))
    assert synced == [True]


@pytest.mark.parametrize(
    "machine", [posix(), windows({}, Crt(lock=ended, waiting=ended))], ids=["posix", "windows"]
)
def test_a_child_ends(machine: Machine) -> None:
    """And ending one that is gone already is no error."""
    child = subprocess.Popen(SLEEPER, stdin=subprocess.PIPE, start_new_session=True)
    try:
        machine.end(child.pid)
        until(lambda: child.poll() is not None, "the end of the child")
        machine.end(child.pid)
    finally:
        child.kill()
        child.communicate()


def test_a_pipe_is_readable_once_something_came_or_it_ended() -> None:
    """Where pipes can be selected."""
    read, write = os.pipe()
    assert not posix().readable(read, 0)
    os.write(write, b"x")
    assert posix().readable(read, 0)
    assert os.read(read, 1) == b"x"
    os.close(write)
    assert posix().readable(read, 60)
    os.close(read)


def test_on_windows_a_pipe_is_looked_at_again_and_again(tmp_path: Path) -> None:
    """Until it holds something, or has ended, or the time is over."""
    assert on_windows(tmp_path, waiting=[0, 0, 7]).readable(0, 60)
    assert on_windows(tmp_path, waiting=[0, 0]).readable(0, 60)
    assert not on_windows(tmp_path, waiting=[0, 7]).readable(0, 0)
