"""A layer that leaves itself alone: why, since when, and when it may look again."""

from __future__ import annotations

from datetime import timedelta

from drainer.core.model import Instant, elapsed
from drainer.errors import Refused
from drainer.ports import Clock

BELIEVED_FOR = timedelta(minutes=1)
"""So long a refusal is believed without asking again: a right that was granted takes a while to arrive."""

RIGHTS = frozenset({"azure-forbidden", "azure-rejected", "azure-identity"})


class Refusals:
    """The refusal that stands, if any."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._error: Refused | None = None
        self._at: Instant | None = None
        self._of_reading = False

    @property
    def stands(self) -> bool:
        return self._error is not None

    @property
    def reason(self) -> str:
        """For people; "" where nothing stands."""
        return f"{self._error.kind}: {self._error.reason}" if self._error else ""

    def refuse(self, error: Refused) -> Refused:
        self._error, self._at, self._of_reading = error, self._clock.now(), False
        return error

    def unread(self, error: Refused) -> None:
        """Not even reading is allowed; whatever else stands stays."""
        if self._error is None or self._of_reading:
            self._error, self._at, self._of_reading = error, self._clock.now(), True

    def was_read(self) -> None:
        """Reading is allowed now, as once a role has arrived."""
        if self._of_reading:
            self.forget()

    def check(self) -> None:
        """Raise the refusal again while it is believed."""
        if self._error is None or self._at is None:
            return
        if elapsed(self._at, self._clock.now()) < BELIEVED_FOR:
            raise self._error

    def forget(self) -> None:
        self._error, self._at, self._of_reading = None, None, False
