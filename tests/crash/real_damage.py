"""What befalls the journal of a real daemon while its VM is out of a real HAProxy, with real files.

The endings are those of `damage`, which does the same in process. A disk of its own is a small tmpfs, which
only root can have.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from drainer.journal.storage import BALLAST
from metadata_server.config import ClockKind
from metadata_server.testing import serve_in_thread, vms
from tests.crash.damage import BOTH, DAMAGES, UNWRITTEN, Damage, Ending
from tests.crash.grounds import Ground, on_haproxy
from tests.crash.real import decided
from tests.until import until

BOOTS = ("boot-1", "boot-2")
DISK_BYTES = 1 << 20
SPOILT = frozenset({*BOTH, "state-unwritable"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """A disk of its own for the state: how it is broken, and mended."""

    breaks: Damage
    mends: Damage


def has_disks() -> bool:
    """Whether this process may mount."""
    return os.name == "posix" and os.geteuid() == 0


@contextmanager
def mounted(at: Path) -> Iterator[None]:
    at.mkdir(parents=True)
    _run("mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=755", "tmpfs", str(at))
    try:
        yield
    finally:
        _run("umount", "--lazy", str(at))


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=60)


def _fill(state: Path) -> None:
    """To the last byte, beside what is reserved there."""
    with (state / "filler").open("wb", buffering=0) as filler:
        for size in (4096, 1):
            with contextlib.suppress(OSError):
                while filler.write(b"x" * size):
                    pass
            with contextlib.suppress(OSError):
                os.fsync(filler.fileno())


def _fill_all(state: Path) -> None:
    """The room that is reserved for giving back is taken, too."""
    (state / BALLAST).unlink()
    _fill(state)


def _empty(state: Path) -> None:
    (state / "filler").unlink()


def _read_only(state: Path) -> None:
    _run("mount", "-o", "remount,ro", str(state))


def _writable(state: Path) -> None:
    _run("mount", "-o", "remount,rw", str(state))


DISKS: dict[str, tuple[Disk, Ending]] = {
    "full disk": (Disk(breaks=_fill, mends=_empty), Ending(back=True, alarms=frozenset({UNWRITTEN}))),
    "full disk, reserve gone": (
        Disk(breaks=_fill_all, mends=_empty),
        Ending(back=True, closed=False, alarms=frozenset({UNWRITTEN})),
    ),
    "read-only": (
        Disk(breaks=_read_only, mends=_writable),
        Ending(back=True, closed=False, alarms=frozenset({UNWRITTEN, "state-unwritable"})),
    ),
}
"""Each with the ending while it is broken. A full disk has room to close, and none for the next episode."""


def damaged(root: Path, damage: Damage, due: Ending, *, boot: str) -> tuple[str, ...]:
    """What is wrong with a daemon that is killed while its VM is out, and wakes up over the damage."""
    with on_haproxy(root) as ground:
        before, event = ground.membership(), _out(ground)
        ground.stand.sidecar.kill()
        damage(ground.stand.sidecar.state / "journal.jsonl")
        _wake(ground, boot)
        ground.stand.complete(event)
        return _wrong(ground, before, due)


def on_a_bad_disk(root: Path, disk: Disk, due: Ending, *, boot: str) -> tuple[str, ...]:
    """The same over a disk that breaks while it is dead; mended once the VM is back, it is closed."""
    with on_haproxy(root) as ground, mounted(ground.stand.sidecar.state):
        before, event = ground.membership(), _out(ground)
        ground.stand.sidecar.kill()
        disk.breaks(ground.stand.sidecar.state)
        _wake(ground, boot)
        ground.stand.complete(event)
        wrong = _wrong(ground, before, due)
        disk.mends(ground.stand.sidecar.state)
        mended = replace(due, closed=True, alarms=due.alarms - {UNWRITTEN})
        wrong = wrong or _wrong(ground, before, mended)
        ground.stand.sidecar.kill()
        return wrong


def elsewhere(root: Path) -> tuple[str, ...]:
    """Another VM finds this disk: its journal is set aside, nothing is touched; what is wrong with that."""
    with on_haproxy(root) as ground, serve_in_thread(vms("another"), clock=ClockKind.REAL) as platform:
        _out(ground)
        sidecar = ground.stand.sidecar
        sidecar.kill()
        left, journal = ground.membership(), sidecar.journal()
        sidecar.metadata_url = platform.url("another")
        _wake(ground, BOOTS[1])
        sidecar.until_alarmed("journal-foreign")
        until(lambda: _ending(ground, left), f"a decision in {sidecar.log}")
        aside = sidecar.state / f"journal.jsonl.of-{ground.stand.vm}"
        seen = {
            "the VM was touched": ground.membership() != left,
            "the journal goes on": sidecar.journal() != [],
            "an episode is open": sidecar.status()["episode"] is not None,
            "the journal is not kept": not aside.exists()
            or len(aside.read_text(encoding="utf-8").splitlines()) != len(journal),
        }
        return tuple(f"another VM: {what}" for what, wrong in seen.items() if wrong)


def _out(ground: Ground) -> str:
    """Out and acknowledged; the event's id."""
    ground.start()
    event = ground.stand.schedule(in_="290s")
    ground.stand.sidecar.until_said("acknowledge.done")
    assert ground.out()
    return event


def _wake(ground: Ground, boot: str) -> None:
    ground.stand.sidecar.boot_id.write_text(f"{boot}\n", encoding="ascii")
    ground.start()


def _wrong(ground: Ground, before: object, due: Ending) -> tuple[str, ...]:
    """Nothing once it ends as is due; else how it ended, and in which log it stands."""
    seen: list[Ending] = []

    def ends_so() -> bool:
        seen.extend(_ending(ground, before))
        return seen[-1:] == [due]

    try:
        until(ends_so, "the ending", every_s=0.1)
    except AssertionError:
        return (f"{seen[-1:]}, not {due}, in {ground.stand.sidecar.log}",)
    return ()


def _ending(ground: Ground, before: object) -> tuple[Ending, ...]:
    """The ending as it stands; none while the daemon has not decided, or still sees the notice."""
    status = ground.stand.sidecar.status_if_any()
    if status is None or not decided(status):
        return ()
    alarms = frozenset(alarm["kind"] for alarm in status["alarms"])
    back = ground.membership() == before
    return (Ending(back=back, closed=status["episode"] is None, alarms=alarms & SPOILT),)


@dataclass(frozen=True, slots=True, kw_only=True)
class DamagedCell:
    """`lived`: what is wrong with it, lived in this folder."""

    name: str
    boot: str
    lived: Callable[[Path], tuple[str, ...]]
    needs_disk: bool = False

    def __str__(self) -> str:
        return f"{self.name}-{self.boot}"


def cells() -> Iterator[DamagedCell]:
    """Every damage and every bad disk, on the same and on a new boot, and another VM."""
    for boot in BOOTS:
        for name, (damage, due) in DAMAGES.items():
            yield DamagedCell(name=name, boot=boot, lived=partial(damaged, damage=damage, due=due, boot=boot))
        for name, (disk, due) in DISKS.items():
            lived = partial(on_a_bad_disk, disk=disk, due=due, boot=boot)
            yield DamagedCell(name=name, boot=boot, lived=lived, needs_disk=True)
    yield DamagedCell(name="another VM", boot=BOOTS[1], lived=elsewhere)
