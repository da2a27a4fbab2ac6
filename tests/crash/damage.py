"""What befalls a journal on a disk while this VM is out, and what the next life must make of it.

A journal that still tells what was taken converges; one that does not is touched by nobody, and that is said.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from drainer.alarms import alarms_of
from drainer.core.model import Blank, EventStatus, Standing
from drainer.journal import FileStore
from drainer.journal.storage import BALLAST, Kernel
from tests.world import World, reboot, seconds

Damage = Callable[[Path], None]

DAMAGED, UNWRITTEN = "journal-damaged", "journal-unwritable"
BOTH = frozenset({DAMAGED, UNWRITTEN})


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a life over a damaged journal ends: whether this VM is back, whether the episode is closed, and
    which alarms of the journal stand before that."""

    back: bool
    closed: bool = True
    alarms: frozenset[str] = frozenset()


def _rewritten(path: Path, change: Callable[[list[str]], list[str]]) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("".join(f"{line}\n" for line in change(lines)), encoding="utf-8")


def whole(path: Path) -> None:
    """Nothing befalls it."""


def torn(path: Path) -> None:
    with path.open("ab") as opened:
        opened.write(b'{"schema":1,"at":{"wall":"2026')


def truncated(path: Path) -> None:
    """Its newest third is gone, at the end of a line: what was intended still stands."""
    _rewritten(path, lambda lines: lines[: len(lines) * 2 // 3])


def corrupted(path: Path) -> None:
    """A line in the middle that takes nothing back makes no sense any more."""
    _rewritten(path, lambda lines: [*lines[:2], "\x00" * 40, *lines[3:]])


def corrupted_opening(path: Path) -> None:
    _rewritten(path, lambda lines: ["#" * 40, *lines[1:]])


def missing(path: Path) -> None:
    path.unlink()


def older(path: Path) -> None:
    """A release before members that have defaults: they are not there."""

    def bare(line: str) -> str:
        record = json.loads(line)
        if record["kind"] == "intended":
            record["body"] = {name: value for name, value in record["body"].items() if value}
        return json.dumps(record)

    _rewritten(path, lambda lines: [bare(line) for line in lines])


def newer(path: Path) -> None:
    """Kinds and a schema that this release does not know."""
    at = {"wall": "2026-01-01T00:00:00Z", "monotonic_s": 0.0, "boot": "boot-1"}
    strange = json.dumps({"schema": 2, "at": at, "kind": "foreseen", "body": {"what": 1}})
    _rewritten(path, lambda lines: [lines[0], strange, *lines[1:], strange])


DAMAGES: dict[str, tuple[Damage, Ending]] = {
    "whole": (whole, Ending(back=True)),
    "torn last line": (torn, Ending(back=True)),
    "truncated": (truncated, Ending(back=True)),
    "corrupted in the middle": (corrupted, Ending(back=True, closed=False, alarms=BOTH)),
    "corrupted opening": (corrupted_opening, Ending(back=False, alarms=frozenset({DAMAGED}))),
    "missing": (missing, Ending(back=False)),
    "older version": (older, Ending(back=True)),
    "newer version": (newer, Ending(back=True)),
}


class Disk:
    """A disk's calls: `error` befalls each write from now on."""

    def __init__(self, directory: Path) -> None:
        self.error = 0
        self.store = FileStore(directory, kernel=Kernel(write=self._write, fsync=lambda opened: None))

    def _write(self, opened: int, content: bytes) -> int:
        if self.error:
            raise OSError(self.error, "told to")
        return os.write(opened, content)


def pass_time(world: World, span: int) -> None:
    for _ in range(span):
        world.tick()
        world.clock.advance(seconds(1))


def out(directory: Path) -> tuple[World, Disk]:
    """A world whose one layer was taken out and acknowledged, over a journal on a disk."""
    disk = Disk(directory)
    world = World(store=disk.store)
    world.feed.events = (reboot(),)
    pass_time(world, 15)
    assert world.feed.acknowledged == ["E1"]
    assert standing(world) is Standing.OUT
    return world, disk


def standing(world: World) -> Standing:
    return world.balancer.entries["fake"].standing


def over(world: World) -> None:
    """The event starts and is over; time enough to give back."""
    world.feed.events = (reboot(status=EventStatus.STARTED, not_before=Blank()),)
    pass_time(world, 5)
    world.feed.events = ()
    pass_time(world, 90)


def alarms(world: World) -> frozenset[str]:
    standing_now = alarms_of(world.scene(world.tick(), started=world.now))
    return frozenset(alarm.kind for alarm in standing_now)


def damaged(directory: Path, damage: Damage, *, boot: str) -> Ending:
    """The ending of a life that is killed while out, and wakes up over the damage."""
    world, disk = out(directory)
    damage(disk.store.path)
    world.store = FileStore(directory, kernel=Kernel(fsync=lambda opened: None))
    world.restart(boot=boot)
    over(world)
    return _ending(world)


def _ending(world: World) -> Ending:
    return Ending(back=standing(world) is Standing.IN, closed=not world.open, alarms=alarms(world) & BOTH)


def unwritable(directory: Path, error: int, *, boot: str) -> Ending:
    """The same where the disk is full or read-only from then on: giving back goes on, and it closes
    once the disk is mended."""
    world, disk = out(directory)
    disk.error = error
    if error == errno.ENOSPC:
        (directory / BALLAST).unlink()
    world.restart(boot=boot)
    over(world)
    while_broken = _ending(world)
    disk.error = 0
    pass_time(world, 90)
    return replace(while_broken, closed=not world.open)


UNWRITABLE = {"read-only": errno.EROFS, "full disk": errno.ENOSPC}
GIVEN_BACK_UNRECORDED = Ending(back=True, alarms=frozenset({UNWRITTEN}))


def findings(root: Path) -> tuple[int, tuple[str, ...]]:
    """How many cells there are, and what is wrong with them."""
    wrong: list[str] = []
    count = 0
    for boot in ("", "boot-2"):
        for name, (damage, expected) in DAMAGES.items():
            count += 1
            ended = damaged(_fresh(root, count), damage, boot=boot)
            wrong += [] if ended == expected else [f"{name}, {boot or 'same boot'}: {ended}, not {expected}"]
        for name, error in UNWRITABLE.items():
            count += 1
            ended = unwritable(_fresh(root, count), error, boot=boot)
            told = f"{name}, {boot or 'same boot'}: {ended}, not {GIVEN_BACK_UNRECORDED}"
            wrong += [] if ended == GIVEN_BACK_UNRECORDED else [told]
    return count, tuple(wrong)


def _fresh(root: Path, number: int) -> Path:
    made = root / str(number)
    made.mkdir()
    return made
