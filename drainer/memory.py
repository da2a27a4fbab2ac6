"""What one life of the daemon remembers between two ticks. Losing it loses nothing but time.

Anything that must outlive the process is in the journal instead.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from drainer.core.model import Instant, Membership, Reading, elapsed

FIRST_BACKOFF = timedelta(milliseconds=500)
LONGEST_BACKOFF = timedelta(seconds=30)
LONGEST_PAST_FORCE = timedelta(seconds=1)


@dataclass(slots=True)
class Backoff:
    """One failing step: when it failed last, how often in a row, how long it rests."""

    since: Instant
    rests_for: timedelta
    failures: int
    reason: str

    def remaining(self, now: Instant) -> timedelta:
        return self.rests_for - elapsed(self.since, now)


@dataclass(slots=True)
class Sight:
    """The last reading of one layer and when it was made."""

    reading: Reading
    at: Instant


@dataclass(slots=True)
class Memory:
    """`sights`: the newest reading of each layer; `stale`: those that must be read anew. `last`: what each
    layer last read in steady times. `said`: alarms logged already; `told`: what was last said of a notice.
    """

    sights: dict[str, Sight] = field(default_factory=dict)
    last: dict[str, Membership] = field(default_factory=dict)
    stale: set[str] = field(default_factory=set)
    backoffs: dict[str, Backoff] = field(default_factory=dict)
    denied: tuple[Instant, str] | None = None
    still_since: Instant | None = None
    skew: timedelta = timedelta(0)
    said: set[str] = field(default_factory=set)
    told: dict[str, str] = field(default_factory=dict)
    seen_document: bool = False
    last_document_at: Instant | None = None

    def forget_readings(self) -> None:
        """The world was touched: every layer is read anew before anything else is decided."""
        self.stale |= set(self.sights)

    def backing_off(self, now: Instant, *, past_force: bool) -> dict[str, timedelta]:
        """Steps that rest still; past force none rests longer than a second."""
        resting = {}
        for key, backoff in self.backoffs.items():
            remaining = backoff.remaining(now)
            if past_force:
                remaining = min(remaining, LONGEST_PAST_FORCE - elapsed(backoff.since, now))
            if remaining > timedelta(0):
                resting[key] = remaining
        return resting

    def failed(self, key: str, now: Instant, *, reason: str, at_least: timedelta | None = None) -> Backoff:
        """The step failed once more: it rests twice as long as before, at most half a minute."""
        before = self.backoffs.get(key)
        failures = before.failures + 1 if before else 1
        rests_for = min(FIRST_BACKOFF * 2 ** min(failures - 1, 10), LONGEST_BACKOFF)
        backoff = Backoff(
            since=now, rests_for=max(rests_for, at_least or rests_for), failures=failures, reason=reason
        )
        self.backoffs[key] = backoff
        return backoff

    def rest(self, key: str, now: Instant, *, rests_for: timedelta, reason: str) -> None:
        """The step is under way or was told to wait: it rests this long, and that is no failure."""
        self.backoffs[key] = Backoff(since=now, rests_for=rests_for, failures=0, reason=reason)

    def succeeded(self, key: str) -> None:
        self.backoffs.pop(key, None)
