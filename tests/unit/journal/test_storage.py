"""Lines on a disk: safe before anything is done, and whole after anything happened to them."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from drainer.errors import Broken, Transient
from drainer.journal import FileStore, StateLock
from drainer.journal.storage import BALLAST, BALLAST_BYTES, JOURNAL, Kernel


class Disk:
    """A disk with so much `room` (None: as much as one likes), whose syncs may fail."""

    def __init__(self) -> None:
        self.synced: list[str] = []
        self.room: int | None = None
        self.sync_fails = False
        self.frees: Path | None = None

    def kernel(self) -> Kernel:
        return Kernel(write=self.write, fsync=self.fsync, allocate=self.allocate)

    def write(self, opened: int, content: bytes) -> int:
        room = len(content) if self.room is None else self.room
        if room == 0 or (self.frees is not None and self.frees.exists()):
            raise OSError(errno.ENOSPC, "no space left on device")
        taken = os.write(opened, content[:room])
        if self.room is not None:
            self.room -= taken
        return taken

    def fsync(self, opened: int) -> None:
        if self.sync_fails:
            raise OSError(errno.EIO, "the disk is broken")
        self.synced.append("directory" if stat.S_ISDIR(os.fstat(opened).st_mode) else "file")
        os.fsync(opened)

    def allocate(self, opened: int, offset: int, size: int) -> None:
        if self.room == 0:
            raise OSError(errno.ENOSPC, "no space left on device")
        os.posix_fallocate(opened, offset, size)


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
def store(tmp_path: Path, disk: Disk) -> FileStore:
    return FileStore(tmp_path, kernel=disk.kernel())


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_what_was_appended_is_loaded(store: FileStore, tmp_path: Path) -> None:
    """Lines come back in order, by another life too."""
    store.append("one")
    store.append("two")
    assert list(FileStore(tmp_path).load()) == ["one", "two"]


def test_nothing_yet(store: FileStore) -> None:
    """No file is no lines, no bytes, and nothing torn."""
    assert list(store.load()) == []
    assert store.complete
    assert store.size() == 0


@pytest.mark.parametrize("separator", ["\u2028", "\u0085", "\x0b", "\x0c", "\x1c", "\r"])
def test_only_a_newline_ends_a_line(store: FileStore, separator: str) -> None:
    """Characters that other software takes for a line's end are part of the line."""
    store.append(f"one{separator}two")
    assert list(store.load()) == [f"one{separator}two"]


def test_a_torn_line_is_cut_off_by_the_next(store: FileStore, tmp_path: Path) -> None:
    """The last line has no end: it is told so, and the next record takes its place."""
    store.append("one")
    with (tmp_path / JOURNAL).open("a") as opened:
        opened.write("tw")
    later = FileStore(tmp_path)
    assert list(later.load()) == ["one", "tw"]
    assert not later.complete
    later.append("three")
    assert list(FileStore(tmp_path).load()) == ["one", "three"]


def test_setting_aside_forgets_the_torn_line(store: FileStore, tmp_path: Path) -> None:
    """A journal of another VM is moved away whole; the next one begins empty, without a gap."""
    (tmp_path / JOURNAL).write_text("one\ntw")
    store.load()
    aside = store.set_aside("of-other")
    assert aside.read_text() == "one\ntw"
    store.append("mine")
    assert (tmp_path / JOURNAL).read_bytes() == b"mine\n"


def test_nothing_to_set_aside_is_no_error(store: FileStore, tmp_path: Path) -> None:
    """Where no journal was begun none is in the way."""
    store.set_aside("of-other")
    store.append("mine")
    assert [path.name for path in tmp_path.iterdir()] == [JOURNAL]


def test_what_was_set_aside_stays_in_the_directory(store: FileStore, tmp_path: Path) -> None:
    """A name that leads elsewhere or is too long is made harmless; a second does not take the first's
    place."""
    places = []
    for number, suffix in enumerate(("../../of x", "../../of x", "g" * 300)):
        (tmp_path / JOURNAL).write_text(f"{number}\n")
        places.append(store.set_aside(suffix))
    assert [place.read_text() for place in places] == ["0\n", "1\n", "2\n"]
    assert {place.parent for place in places} == {tmp_path}


def test_replacing_is_all_or_nothing(store: FileStore, tmp_path: Path) -> None:
    """New lines stand in place of all, readable by their owner alone, also what was no UTF-8."""
    (tmp_path / JOURNAL).write_bytes(b"one\n\xff\n")
    store.replace(store.load())
    assert (tmp_path / JOURNAL).read_bytes() == b"one\n\xff\n"
    assert mode(tmp_path / JOURNAL) == 0o600


def test_nobody_else_reads(store: FileStore, tmp_path: Path) -> None:
    """Journal, ballast and lock are the owner's alone."""
    before = os.umask(0)
    try:
        store.append("one")
        store.reserve()
        lock = StateLock(tmp_path)
        lock.take()
        lock.release()
    finally:
        os.umask(before)
    assert [mode(tmp_path / name) for name in (JOURNAL, BALLAST, "lock")] == [0o600] * 3


def test_one_daemon_per_directory(tmp_path: Path) -> None:
    """A second one is told so; it may when the first has ended."""
    first, second = StateLock(tmp_path), StateLock(tmp_path)
    first.take()
    with pytest.raises(Transient, match="locked"):
        second.take()
    first.release()
    second.take()
    second.release()
    second.release()


def test_no_place_for_a_lock(tmp_path: Path) -> None:
    """A directory that is not there is a matter for a person."""
    with pytest.raises(Broken, match="state-unwritable"):
        StateLock(tmp_path / "nowhere").take()


def test_unreadable(tmp_path: Path) -> None:
    """A journal that cannot be read is no empty one."""
    (tmp_path / JOURNAL).mkdir()
    with pytest.raises(Broken, match="journal-unreadable"):
        FileStore(tmp_path).load()


@pytest.mark.parametrize("act", ["append", "reserve", "replace", "set_aside"])
def test_nowhere_to_write(tmp_path: Path, act: str) -> None:
    """Each write says so in the same words."""
    store = FileStore(tmp_path / "nowhere")
    calls: dict[str, Callable[[], object]] = {
        "append": lambda: store.append("one"),
        "reserve": store.reserve,
        "replace": lambda: store.replace(["one"]),
        "set_aside": lambda: store.set_aside("x"),
    }
    with pytest.raises(Broken, match="journal-unwritable"):
        calls[act]()


# --- a file that somebody else had in hand --------------------------------------------------------


def gone(path: Path) -> None:
    path.unlink()


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-2])


def replaced(path: Path) -> None:
    path.with_suffix(".other").write_text("something else\n")
    path.with_suffix(".other").replace(path)


def grown(path: Path) -> None:
    with path.open("a") as opened:
        opened.write("something else\n")


@pytest.mark.parametrize("meddle", [gone, emptied, cut, replaced, grown])
@pytest.mark.parametrize("asked", ["keep", "append"])
def test_a_journal_that_somebody_had_in_hand_is_whole_again(
    tmp_path: Path, meddle: Callable[[Path], None], asked: str
) -> None:
    """Taken away, cut or replaced under a living daemon: what it knows is written again, and that is said."""
    FileStore(tmp_path).append("zero")
    said: list[str] = []
    store = FileStore(tmp_path, altered=said.append)
    store.load()
    store.append("one")
    meddle(store.path)
    if asked == "keep":
        store.keep()
    store.append("two")
    assert list(FileStore(tmp_path).load()) == ["zero", "one", "two"]
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600
    assert [("gone" if meddle is gone else "changed by somebody") in line for line in said] == [True]
    aside = [path.read_text() for path in tmp_path.glob("*.altered*")]
    assert len(aside) == (meddle in (cut, replaced, grown)), "what it said is kept beside it"


def test_what_nobody_touched_is_not_written_again(store: FileStore, disk: Disk, tmp_path: Path) -> None:
    """Also after a line was taken back, after a copy took its place, and where nothing was written yet."""
    store.load()
    store.keep()
    store.append("one")
    disk.room = 3
    with pytest.raises(Broken):
        store.append("a long line")
    disk.room = None
    store.keep()
    store.replace(["one", "two"])
    disk.synced.clear()
    store.keep()
    store.append("three")
    assert disk.synced == ["file"]
    assert list(store.load()) == ["one", "two", "three"]
    assert [path.name for path in tmp_path.iterdir()] == [JOURNAL]


def test_on_a_full_disk_the_ballast_makes_room_for_it(store: FileStore, tmp_path: Path) -> None:
    """What somebody took away is written again into the room that is kept for the episode."""
    store.reserve()
    store.append("one")
    taken = store.replace

    def crowded(lines: Sequence[str]) -> None:
        if (tmp_path / BALLAST).exists():
            raise Broken("journal-unwritable", "full")
        taken(lines)

    store.replace = crowded  # type: ignore[method-assign]
    store.path.unlink()
    store.keep()
    assert list(store.load()) == ["one"]


def test_a_directory_that_is_gone_is_no_success(tmp_path: Path) -> None:
    """Nothing can be written again there: Broken, and nothing is said to have been mended."""
    (tmp_path / "state").mkdir()
    said: list[str] = []
    store = FileStore(tmp_path / "state", altered=said.append)
    store.append("one")
    store.path.unlink()
    store.path.parent.rmdir()
    for verb in (store.keep, lambda: store.append("two")):
        with pytest.raises(Broken, match="journal-unwritable"):
            verb()
    assert said == []


def test_what_was_set_aside_is_not_written_again(store: FileStore) -> None:
    """It was another VM's: the journal begins anew."""
    store.append("another's")
    store.set_aside("of-vm2")
    store.keep()
    store.append("ours")
    assert list(store.load()) == ["ours"]


# --- a disk that is full --------------------------------------------------------------------------


def test_each_record_is_on_the_disk_before_it_counts(store: FileStore, disk: Disk) -> None:
    """One sync of the file for each record, and one of the directory for its name."""
    store.append("one")
    store.append("two")
    assert disk.synced == ["file", "directory", "file"]


def test_replacing_syncs_file_and_name(store: FileStore, disk: Disk) -> None:
    """What was compacted is on the disk before its name is."""
    store.append("one")
    disk.synced.clear()
    store.replace(["one"])
    assert disk.synced == ["file", "directory"]


def test_a_copy_that_could_not_be_made_leaves_nothing(store: FileStore, disk: Disk, tmp_path: Path) -> None:
    """Half a copy of the journal would take the room that its next records need."""
    store.append("one")
    disk.sync_fails = True
    with pytest.raises(Broken):
        store.replace(["one"])
    assert [place.name for place in tmp_path.iterdir()] == [JOURNAL]
    assert list(store.load()) == ["one"]


def test_half_a_line_is_taken_back(store: FileStore, disk: Disk) -> None:
    """The disk fills up in the middle of a line: the journal is as it was, and the next record is whole."""
    store.append("one")
    disk.room = 3
    with pytest.raises(Broken, match="no space left"):
        store.append("a long line")
    disk.room = None
    store.append("three")
    assert list(store.load()) == ["one", "three"]


def test_a_line_that_was_not_synced_is_taken_back(store: FileStore, disk: Disk) -> None:
    """Written but not known to be safe is not written."""
    store.append("one")
    disk.sync_fails = True
    with pytest.raises(Broken):
        store.append("two")
    assert list(store.load()) == ["one"]


def test_the_ballast_makes_room(store: FileStore, disk: Disk, tmp_path: Path) -> None:
    """On a full disk the room kept at Open is given up, so that the episode's records fit."""
    store.reserve()
    assert (tmp_path / BALLAST).stat().st_size == BALLAST_BYTES
    disk.frees = tmp_path / BALLAST
    store.append("one")
    assert list(store.load()) == ["one"]


def test_the_ballast_is_not_given_up_in_vain(store: FileStore, disk: Disk, tmp_path: Path) -> None:
    """An error that is not about room leaves it; one that is, twice, is told."""
    store.reserve()
    disk.sync_fails = True
    with pytest.raises(Broken):
        store.append("one")
    assert (tmp_path / BALLAST).exists()
    disk.sync_fails, disk.room = False, 0
    with pytest.raises(Broken, match="no space left"):
        store.append("one")
    assert not (tmp_path / BALLAST).exists()


def test_ballast_is_allocated_once(store: FileStore, tmp_path: Path) -> None:
    """A second Open finds it; half of one is filled up."""
    (tmp_path / BALLAST).write_bytes(b"\0" * 10)
    store.reserve()
    store.reserve()
    assert (tmp_path / BALLAST).stat().st_size == BALLAST_BYTES


def test_no_room_for_the_ballast(store: FileStore, disk: Disk, tmp_path: Path) -> None:
    """An episode that could not be recorded to its end is not begun, and nothing is left behind."""
    disk.room = 0
    with pytest.raises(Broken, match="no space left") as full:
        store.reserve()
    assert full.value.kind == "journal-full"
    assert not (tmp_path / BALLAST).exists()


def test_a_reserve_is_worth_nothing_without_its_journal(store: FileStore, tmp_path: Path) -> None:
    """Where the journal itself could not be written, that is said before there is anything to record."""
    (tmp_path / "elsewhere").touch()
    (tmp_path / JOURNAL).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Broken, match="journal-unwritable"):
        store.reserve()
    assert not (tmp_path / BALLAST).exists()


def test_a_really_full_device(tmp_path: Path) -> None:
    """The kernel's own full device says the same."""
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        store = FileStore(tmp_path, kernel=Kernel(write=lambda _, content: os.write(full, content)))
        with pytest.raises(Broken, match="No space left"):
            store.append("one")
    finally:
        os.close(full)
