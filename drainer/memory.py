"""What one life of the daemon remembers between two ticks. Losing it loses nothing but time.

Anything that must outlive the process is in the journal instead.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from drainer.core.episode import Episode
from drainer.core.model import At, Document, Event, EventStatus, Instant, Membership, Reading, elapsed
from drainer.core.naming import names_vm

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset:
    """The service forgot: its incarnation fell."""

    at: Instant
    before: int
    after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Met:
    """How a notice arrived. `started_first`: nobody saw it Scheduled. `started_early`: before its time,
    though we had neither acknowledged it nor said to its other VMs that we are ready.
    """

    status: EventStatus
    not_before: datetime | None = None
    started_first: bool = False
    started_early: bool = False


@dataclass(slots=True)
class Memory:
    """`sights`: the newest reading of each layer; `stale`: those that must be read anew; `unread_since`: what
    could not be read, and since when. `last`: what each layer last read in steady times. `said`: alarms
    logged already; `told`: what was last said of a notice; `met`: how it arrived.
    """

    sights: dict[str, Sight] = field(default_factory=dict)
    last: dict[str, Membership] = field(default_factory=dict)
    stale: set[str] = field(default_factory=set)
    backoffs: dict[str, Backoff] = field(default_factory=dict)
    denied: tuple[Instant, str] | None = None
    still_since: Instant | None = None
    unread_since: dict[str, Instant] = field(default_factory=dict)
    skew: timedelta = timedelta(0)
    said: set[str] = field(default_factory=set)
    told: dict[str, str] = field(default_factory=dict)
    seen_document: bool = False
    last_document_at: Instant | None = None
    incarnation: int | None = None
    reset: Reset | None = None
    met: dict[str, Met] = field(default_factory=dict)

    def heard(self, document: Document, episode: Episode | None) -> None:
        """Keep what a later document no longer says: when this one came, and how its notices arrived."""
        self.last_document_at = document.read_at
        self.skew = document.skew or timedelta(0)
        before, now = self.incarnation, document.incarnation
        if before is not None and now is not None and now < before:
            self.reset = Reset(at=document.read_at, before=before, after=now)
        self.incarnation = now
        notices = (event for event in document.events if names_vm(event, document.vm.name))
        self.met = {event.id: self._meet(event, document, episode) for event in notices}

    def _meet(self, event: Event, document: Document, episode: Episode | None) -> Met:
        before = self.met.get(event.id) or _recorded(event.id, episode)
        if event.status is not EventStatus.STARTED:
            at = event.not_before.at if isinstance(event.not_before, At) else None
            return Met(status=event.status, not_before=at)
        if before is None:
            return Met(status=event.status, started_first=True)
        if before.status is EventStatus.STARTED:
            return before
        early = before.not_before is not None and document.read_at.wall + self.skew < before.not_before
        ours = f"acknowledge {event.id}" in self.backoffs or _approved(event.id, episode)
        return Met(status=event.status, started_early=early and not ours)

    def carry_on(self, before: Memory) -> None:
        """What was heard of the service outlives a change of policy."""
        self.seen_document, self.said, self.told = before.seen_document, before.said, before.told
        self.last_document_at, self.skew = before.last_document_at, before.skew
        self.incarnation, self.reset, self.met = before.incarnation, before.reset, before.met

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


def _recorded(event_id: str, episode: Episode | None) -> Met | None:
    """How an earlier life met this notice, as far as the journal knows."""
    terms = episode.terms.get(event_id) if episode else None
    if terms is None:
        return None
    status = EventStatus.STARTED if terms.started else EventStatus.SCHEDULED
    return Met(status=status, not_before=None if terms.started else terms.not_before)


def _approved(event_id: str, episode: Episode | None) -> bool:
    return episode is not None and event_id in episode.acknowledged | episode.published
