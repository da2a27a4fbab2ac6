"""Memory and CPU of a process tree while it polls an idle metadata service."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from time import monotonic

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """`resident_mb`: RSS; `cpu_ms_per_s`: CPU milliseconds a second of wall time, children included."""

    resident_mb: float
    cpu_ms_per_s: float


def measure(process: subprocess.Popen[bytes], *, seconds: float, warm_up_s: float) -> Cost:
    """Let it warm up, then read the kernel's accounting before and after `seconds`."""
    pause = Event()
    pause.wait(warm_up_s)
    before, began = _cpu_s(process.pid), monotonic()
    pause.wait(seconds)
    spent, lasted = _cpu_s(process.pid) - before, monotonic() - began
    return Cost(resident_mb=_resident_mb(process.pid), cpu_ms_per_s=1000 * spent / lasted)


def _cpu_s(pid: int) -> float:
    """User and system time, with that of children that were waited for. From schedstat where it can be:
    the tick of `stat` is too coarse for a process that uses half a millisecond a second."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    children_s = (int(fields[13]) + int(fields[14])) / TICKS
    own_ns = sum(
        int((task / "schedstat").read_text(encoding="ascii").split()[0])
        for task in Path(f"/proc/{pid}/task").iterdir()
    )
    return own_ns / 1e9 + children_s


def _resident_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"no VmRSS of {pid}")
