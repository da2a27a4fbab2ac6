"""A control group of its own for each booted VM.

Where no machine manager registers its VM (`--register=no`), systemd-nspawn leaves it in its caller's group.
Two systemds there take each other's groups for their own and remove them, and units can no longer be started.
"""

from __future__ import annotations

import contextlib
import os
import shlex
from collections.abc import Sequence
from pathlib import Path

MOUNT = Path("/sys/fs/cgroup")
MEMBERS = "cgroup.procs"


def make(name: str) -> tuple[Path, ...]:
    """`name` below the caller's own group, in each hierarchy that systemd uses. OSError: not ours to make."""
    groups = []
    for line in Path("/proc/self/cgroup").read_text(encoding="ascii").splitlines():
        _, hierarchy, path = line.split(":", 2)
        for mount in _mounts(hierarchy):
            group = mount / path.lstrip("/") / name
            group.mkdir(exist_ok=True)
            groups.append(group)
    return tuple(groups)


def inside(groups: tuple[Path, ...], command: Sequence[str]) -> list[str]:
    """The command as a member of these groups, under the same process id."""
    joins = "".join(f"echo $$ > {shlex.quote(str(group / MEMBERS))}; " for group in groups)
    return ["sh", "-ec", f'{joins}exec "$@"', "sh", *command]


def remove(groups: tuple[Path, ...]) -> None:
    """With all that a systemd left below; a group that still has a process stays."""
    for group in groups:
        for folder, _, _ in os.walk(group, topdown=False):
            with contextlib.suppress(OSError):
                Path(folder).rmdir()


def _mounts(hierarchy: str) -> list[Path]:
    """Where systemd's own hierarchies are: version 2 alone, or beside version 1."""
    places = {"": ("unified", "."), "name=systemd": ("systemd",)}.get(hierarchy, ())
    return [MOUNT / place for place in places if (MOUNT / place / MEMBERS).exists()][:1]
