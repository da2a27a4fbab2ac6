"""The one reader of time: wall clock, monotonic clock, boot id, uptime.

Everything else takes an `Instant`. Tests use `ManualClock`.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from drainer.core.model import Instant

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class SystemClock:
    """The machine's clocks. `boot_id` is where the kernel tells one boot from the next.

    Another file stands for a boot of its own (a namespace that "reboots" alone): it booted when that file
    was written.
    """

    def __init__(self, boot_id: Path = BOOT_ID) -> None:
        self._boot = _boot(boot_id)
        self._booted_s = _booted_s(boot_id)

    def now(self) -> Instant:
        return Instant(
            wall=datetime.fromtimestamp(time.time(), UTC), monotonic_s=self._up_s(), boot=self._boot
        )

    def uptime(self) -> timedelta:
        return timedelta(seconds=self._up_s())

    def _up_s(self) -> float:
        return _since_boot_s() - self._booted_s


def _booted_s(boot_id: Path) -> float:
    """When this boot began, in seconds of the kernel's boot clock."""
    if boot_id == BOOT_ID:
        return 0.0
    try:
        age_s = time.time() - boot_id.stat().st_mtime
    except OSError:
        return 0.0
    return max(0.0, _since_boot_s() - max(0.0, age_s))


def _since_boot_s() -> float:
    """CLOCK_BOOTTIME where there is one: it counts through a freeze of the machine too."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


def _boot(path: Path) -> str:
    """The boot id; without the kernel's file, the minute this machine booted."""
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        booted = datetime.fromtimestamp(time.time() - _since_boot_s(), UTC)
        return booted.strftime("booted-%Y-%m-%dT%H:%MZ")


class ManualClock:
    """A clock that stands still until told. For tests, simulations and `explain`."""

    def __init__(self, wall: datetime = datetime(2026, 1, 1, tzinfo=UTC), *, boot: str = "boot-1") -> None:
        self._now = Instant(wall=wall, monotonic_s=3600.0, boot=boot)

    def now(self) -> Instant:
        return self._now

    def uptime(self) -> timedelta:
        return timedelta(seconds=self._now.monotonic_s)

    def advance(self, by: timedelta) -> None:
        self._now = Instant(
            wall=self._now.wall + by,
            monotonic_s=self._now.monotonic_s + by.total_seconds(),
            boot=self._now.boot,
        )

    def reboot(self, *, boot: str, took: timedelta = timedelta(0)) -> None:
        self._now = Instant(wall=self._now.wall + took, monotonic_s=0.0, boot=boot)

    def step_wall(self, by: timedelta) -> None:
        """Move the wall clock alone, as an operator or NTP does."""
        self._now = Instant(wall=self._now.wall + by, monotonic_s=self._now.monotonic_s, boot=self._now.boot)
