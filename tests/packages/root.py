"""Clean Debian roots: a throw-away layer over a root that is made once; entered, or booted."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from infra.local import cgroup
from tests.until import DEADLINE_S, until

MAKE = Path(__file__).with_name("make-root")
LIST = Path(__file__).with_name("debian.list")
OVER = "over"
BOOKWORM = "bookworm"
"""Debian 12."""

PROGRAMS = ("mmdebstrap", "systemd-nspawn", "nsenter", "mount")

needs_roots = pytest.mark.skipif(
    os.environ.get("CI") != "true" or os.geteuid() != 0 or sys.platform != "linux",
    reason="clean Debian roots are made and entered by root, with CI=true",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """`path`: the root's own /, as seen from outside. The test's own folder has the same path inside."""

    path: Path

    @property
    def enter(self) -> tuple[str, ...]:
        """In front of a command: runs it inside. Loopback is shared."""
        return ("chroot", str(self.path))

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return ran(*self.enter, *command, check=check)


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A root that was booted with systemd; `init` is its first process, seen from outside."""

    path: Path
    init: int

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """A command inside, with what it said."""
        entered = ("nsenter", "-t", str(self.init), "-m", "-u", "-i", "-p", "-r", "-w", "--")
        return ran(*entered, *command, check=check)

    def is_active(self, unit: str) -> bool:
        return self.run("systemctl", "is-active", unit, check=False).stdout.strip() == "active"

    def shown(self, unit: str, name: str) -> str:
        """A property of a unit."""
        return self.run("systemctl", "show", "--value", "-p", name, unit).stdout.strip()

    def write(self, place: str, text: str) -> None:
        (self.path / place.lstrip("/")).write_text(text, encoding="utf-8")

    def read(self, place: str) -> str:
        return (self.path / place.lstrip("/")).read_text(encoding="utf-8")

    def exists(self, place: str) -> bool:
        return (self.path / place.lstrip("/")).exists()

    def log(self) -> str:
        """What the daemon said since this machine was booted."""
        return self.run("journalctl", "-u", "drainer", "-o", "cat", "--no-pager").stdout

    def until_said(self, event: str, *, times: int = 1) -> None:
        try:
            until(
                lambda: self.log().count(f'"event": "{event}"') >= times,
                f"{event} of the daemon",
                every_s=0.1,
            )
        except AssertionError as late:
            status = self.run("drainer", "status", check=False).stdout
            raise AssertionError(f"{late}; said: {self.log()[-3000:]}\n{status}") from None


def ran(*command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """A command with a plain environment; `check`: it must end with 0."""
    done = subprocess.run(
        command,
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=4 * DEADLINE_S,
        check=False,
    )
    if check:
        assert done.returncode == 0, f"{' '.join(command)}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done


@contextmanager
def clean_root(scratch: Path, *, suite: str = BOOKWORM) -> Iterator[Root]:
    """To be entered by chroot. Of the outside it sees the folder in which `scratch` lies, no more."""
    with _layer(scratch, suite=suite) as root, _mounted("-t", "proc", "proc", root / "proc"):
        seen = root / scratch.parent.relative_to("/")
        seen.mkdir(parents=True)
        with _mounted("--bind", scratch.parent, seen):
            yield Root(path=root)


def furnished(scratch: Path, deb: Path) -> Path:
    """What installing this package writes: a layer to boot machines on, which none of them changes."""
    with _layer(scratch) as root:
        install(Root(path=root), deb)
    return scratch / OVER


@contextmanager
def booted(scratch: Path, *packages: Path) -> Iterator[Machine]:
    """A machine, on a layer of `furnished` if there is one, on which no daemon has run yet."""
    with _layer(scratch, *packages) as root, running(root) as machine:
        yield machine


def install(root: Root, deb: Path) -> None:
    """By dpkg alone: nothing else is fetched."""
    shutil.copyfile(deb, root.path / "var" / "drainer.deb")
    root.run("dpkg", "--install", "/var/drainer.deb")


@contextmanager
def running(root: Path) -> Iterator[Machine]:
    """Boot this root, in a control group of its own; on return whatever runs in it is gone.

    It sees nothing of the outside: systemd empties /tmp at a boot, whatever is mounted there.
    """
    console = root.parent / "console"
    name = f"drainer-{os.getpid()}"
    command = [
        *("systemd-nspawn", "--quiet", "--directory", str(root), "--machine", name),
        *("--boot", "--register=no", "--keep-unit", "--console=pipe"),
    ]
    groups = cgroup.make(name)
    with console.open("ab") as log:
        nspawn = subprocess.Popen(
            cgroup.inside(groups, command),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        until(
            lambda: _is_up(Machine(path=root, init=_child(nspawn.pid))),
            f"a machine that is up: {console}",
            every_s=0.1,
        )
        yield Machine(path=root, init=_child(nspawn.pid))
    finally:
        init = _child(nspawn.pid)
        if init:
            os.kill(init, 9)
        nspawn.wait(DEADLINE_S)
        cgroup.remove(groups)


def _is_up(machine: Machine) -> bool:
    """nspawn's first child is not yet the machine: it is asked anew each time."""
    if machine.init == 0:
        return False
    said = machine.run("systemctl", "is-system-running", check=False).stdout.strip()
    return said in ("running", "degraded")


def _child(pid: int) -> int:
    """The first child of this process; 0: none."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except OSError:
        return 0
    return int(children[0]) if children else 0


@contextmanager
def _layer(scratch: Path, *above: Path, suite: str = BOOKWORM) -> Iterator[Path]:
    """A writable root over Debian, and over what lies `above` that. dpkg waits for no disk in it."""
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    assert not missing, f"CI must have {', '.join(missing)}: tests/install-system-packages"
    below = ":".join(map(str, (*above, ran(str(MAKE), suite).stdout.strip())))
    over, work, root = (scratch / name for name in (OVER, "work", "root"))
    for folder in (over, work, root):
        folder.mkdir(parents=True)
    stated = f"lowerdir={below},upperdir={over},workdir={work}"
    with _mounted("-t", "overlay", "-o", stated, "overlay", root):
        (root / "etc/dpkg/dpkg.cfg.d/tests").write_text("force-unsafe-io\n", encoding="ascii")
        yield root


@contextmanager
def _mounted(*words: str | Path) -> Iterator[None]:
    ran("mount", *map(str, words))
    try:
        yield
    finally:
        ran("mount", "--make-rprivate", str(words[-1]), check=False)
        ran("umount", "--recursive", "--lazy", str(words[-1]))
