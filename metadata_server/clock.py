"""The one reader of time in the emulator.

A real clock follows the machine, a manual one stands still until it is told to advance. Both give aware
UTC datetimes. Nothing else in this package may ask the machine what time it is.
"""

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """What time it is in the scenario."""

    def now(self) -> datetime: ...


@dataclass(slots=True)
class RealClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


@dataclass(slots=True)
class ManualClock:
    """A clock that moves only by `advance`; never backwards."""

    at: datetime

    def now(self) -> datetime:
        return self.at

    def advance(self, by: timedelta) -> None:
        """Move forward at once; ValueError if `by` is negative."""
        if by < timedelta():
            raise ValueError(f"a clock cannot go back by {-by}")
        self.at += by


def whole_second() -> datetime:
    """The present instant of the machine, cut to the second: where a manual clock begins by default."""
    return datetime.now(UTC).replace(microsecond=0)


def monotonic() -> float:
    """Seconds that never go back, for deadlines inside this program."""
    return time.monotonic()


async def pause(seconds: float) -> None:
    """Let this much real time pass, whatever clock the scenario follows."""
    await asyncio.sleep(seconds)
