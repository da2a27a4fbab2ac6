"""Who can write beside the state files gains nothing by it: no link is followed, nobody else reads."""

from __future__ import annotations

import io
import os
import queue
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from drainer.clock import SystemClock
from drainer.errors import Broken
from drainer.fresh import readable
from drainer.journal import FileStore, StateLock
from drainer.log import Log
from drainer.probe import marker
from drainer.statedir import StateDirectory

SECRET = "root:not-yours\n"
SMALL = "small"


def no_alarm(kind: str, reason: str) -> None:
    raise AssertionError(f"{kind}: {reason}")


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """A file of somebody else, mode 0600."""
    path = tmp_path / "shadow"
    path.write_text(SECRET, encoding="ascii")
    path.chmod(0o600)
    return path


@pytest.fixture
def state(tmp_path: Path) -> Path:
    path = tmp_path / "state"
    path.mkdir()
    return path


@pytest.fixture
def open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def small_file(state: Path) -> None:
    clock = SystemClock()
    log = Log(clock.now, io.StringIO())
    directory = StateDirectory(state, clock=clock, log=log, alarm=no_alarm, dry_run=False)
    directory.write(SMALL, "text")
    directory.release()


def lock(state: Path) -> None:
    held = StateLock(state)
    held.take()
    held.release()


WRITES: dict[str, Callable[[Path], None]] = {
    "journal.jsonl": lambda state: FileStore(state).append("{}"),
    "journal.reserve": lambda state: FileStore(state).reserve(),
    "journal.new": lambda state: FileStore(state).replace(["{}"]),
    "lock": lock,
    f".{SMALL}.new": small_file,
    ".draining.new": lambda state: marker.write(state / "draining", "{}"),
    ".draining.answers.new": lambda state: marker.write_evidence(state / "draining", "m", {"a": 1}),
}
"""The name that somebody takes before us, and the write that would use it."""


@pytest.mark.parametrize("link", [os.symlink, os.link], ids=["symbolic", "hard"])
@pytest.mark.parametrize("name", [name for name in WRITES if name.endswith(".new")])
def test_a_link_under_a_temporary_name_is_replaced(
    state: Path, other: Path, name: str, link: Callable[[Path, Path], None]
) -> None:
    """The write succeeds, and the file that the link names keeps its content and its mode."""
    link(other, state / name)
    WRITES[name](state)
    assert other.read_text(encoding="ascii") == SECRET
    assert stat.S_IMODE(other.stat().st_mode) == 0o600


@pytest.mark.parametrize("name", ["journal.jsonl", "journal.reserve", "lock"])
def test_a_symbolic_link_under_a_lasting_name_is_refused(state: Path, other: Path, name: str) -> None:
    """The write is refused as a state that cannot be written; the other file is untouched."""
    (state / name).symlink_to(other)
    with pytest.raises(Broken):
        WRITES[name](state)
    assert other.read_text(encoding="ascii") == SECRET


def small_text(state: Path) -> object:
    log = Log(SystemClock().now, io.StringIO())
    directory = StateDirectory(state, clock=SystemClock(), log=log, alarm=no_alarm, dry_run=True)
    return directory.read(SMALL)


READS: dict[str, Callable[[Path], object]] = {
    "journal.jsonl": lambda state: FileStore(state).load(),
    SMALL: small_text,
    "draining": lambda state: marker.read(state / "draining"),
    "draining.answers": lambda state: marker.read_evidence(state / "draining", "m"),
}


def ending(call: Callable[[Path], object], state: Path) -> object:
    """What the call returned or raised; fails where it does not come back."""
    ended: queue.SimpleQueue[object] = queue.SimpleQueue()

    def run() -> None:
        try:
            ended.put(call(state))
        except Broken as error:
            ended.put(error)

    threading.Thread(target=run, daemon=True).start()
    try:
        return ended.get(timeout=20)
    except queue.Empty:
        pytest.fail("it waits for ever")


@pytest.mark.parametrize("name", list(READS))
def test_a_pipe_in_a_files_place_holds_no_reader(state: Path, name: str) -> None:
    """Nobody writes into the pipe, and the read comes back: as unreadable, or as nothing to be read."""
    os.mkfifo(state / name)
    found = ending(READS[name], state)
    assert not found or isinstance(found, Broken)


def test_what_is_refused_is_let_go(state: Path) -> None:
    """A pipe that is met at every look costs no descriptor each time."""
    os.mkfifo(state / "pipe")
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        with pytest.raises(OSError, match="no regular file"), open(state / "pipe", opener=readable):
            pass
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("name", ["journal.jsonl", "journal.reserve", "lock"])
def test_a_pipe_in_a_files_place_holds_no_writer(state: Path, name: str) -> None:
    """Nobody reads from the pipe, and the write comes back: refused."""
    os.mkfifo(state / name)
    assert isinstance(ending(WRITES[name], state), Broken)


def test_a_device_in_the_journals_place_is_not_read(state: Path) -> None:
    """A link to a device that never ends is unreadable, not endless."""
    (state / "journal.jsonl").symlink_to("/dev/zero")
    assert isinstance(ending(READS["journal.jsonl"], state), Broken)


def test_a_marker_that_is_a_link_is_replaced(state: Path, other: Path) -> None:
    """The marker takes the link's place, and removing it removes the name alone."""
    place = state / "draining"
    place.symlink_to(other)
    marker.write(place, "{}")
    assert not place.is_symlink()
    marker.remove(place)
    assert other.read_text(encoding="ascii") == SECRET


def test_a_journal_that_anybody_may_read_is_closed(state: Path) -> None:
    """One that was copied back with an open mode is 0600 after the next record."""
    (state / "journal.jsonl").touch(mode=0o644)
    WRITES["journal.jsonl"](state)
    assert stat.S_IMODE((state / "journal.jsonl").stat().st_mode) == 0o600


@pytest.mark.usefixtures("open_umask")
@pytest.mark.parametrize("name", list(WRITES))
def test_whatever_the_umask_nobody_else_reads_the_state(state: Path, name: str) -> None:
    """Under umask 0 every state file is 0600; the marker and its evidence alone are 0644."""
    WRITES[name](state)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in state.iterdir()}
    assert modes
    for found, mode in modes.items():
        assert mode == (0o644 if found.startswith("draining") else 0o600), found


needs_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="files are given away by root alone"
)
DAEMON = (12345, 54321)


@needs_root
@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_what_root_makes_belongs_to_the_daemon(state: Path, write: Callable[[Path], None]) -> None:
    """Or a command of root (`restore --offline`) would leave a journal that its daemon cannot open."""
    os.chown(state, *DAEMON)
    write(state)
    made = [path.stat() for path in state.iterdir()]
    assert {(each.st_uid, each.st_gid) for each in made} == {DAEMON}


@needs_root
@pytest.mark.parametrize("name", [name for name in WRITES if not name.endswith(".new")])
def test_root_gives_away_only_what_it_made(state: Path, other: Path, name: str) -> None:
    """A file that was there before, which may be somebody else's by a hard link, keeps its owner."""
    os.chown(state, *DAEMON)
    os.link(other, state / name)
    WRITES[name](state)
    assert other.stat().st_uid == 0
