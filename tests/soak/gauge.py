"""What processes hold, read from /proc: resident memory, descriptors, threads, children.

Linux alone. A process that ended between two reads holds nothing: it is left out.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What one process held at one instant (monotonic seconds)."""

    at_s: float
    who: str
    pid: int
    rss_kb: int
    fds: int
    threads: int


def held(who: str, pid: int, *, at_s: float) -> Held | None:
    """None where there is no such process any more, or it is a zombie."""
    try:
        told = (PROC / str(pid) / "status").read_text(encoding="ascii", errors="replace")
        fds = len(os.listdir(PROC / str(pid) / "fd"))
    except OSError:
        return None
    told_by = dict(line.split(":\t", 1) for line in told.splitlines() if ":\t" in line)
    if "VmRSS" not in told_by:
        return None
    rss_kb, threads = int(told_by["VmRSS"].split()[0]), int(told_by["Threads"])
    return Held(at_s=at_s, who=who, pid=pid, rss_kb=rss_kb, fds=fds, threads=threads)


def children(pid: int) -> tuple[int, ...]:
    """Pids of the processes that this one started, whichever of its threads did."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for thread in (PROC / str(pid) / "task").iterdir():
            with contextlib.suppress(OSError):
                found += map(int, (thread / "children").read_text(encoding="ascii").split())
    return tuple(found)
