"""The words of the domain as values: time, documents, events, layers, work in flight.

Knows shapes only. It must not know where a value came from, nor what to do about it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum

LONGEST_BOOT_S = 1e10
"""Three centuries: what a journal says beyond that is damage, and no span of time could be made of it."""

FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Instant:
    """One reading of all clocks. `monotonic_s` counts from the start of `boot`; `wall` is aware UTC."""

    wall: datetime
    monotonic_s: float
    boot: str

    def __post_init__(self) -> None:
        if self.wall.tzinfo is None:
            raise ValueError("an instant's wall time must be aware")
        if not -LONGEST_BOOT_S <= self.monotonic_s <= LONGEST_BOOT_S:
            raise ValueError(f"no boot lasts {self.monotonic_s} s")


def elapsed(since: Instant, now: Instant) -> timedelta:
    """Time from `since` to `now`, never negative: monotonic within a boot, else by the wall clock.

    An instant of an earlier boot is at least as old as this boot is, however the wall clock was set since.
    """
    if since.boot == now.boot:
        return max(timedelta(0), timedelta(seconds=now.monotonic_s - since.monotonic_s))
    return max(timedelta(seconds=now.monotonic_s), now.wall - since.wall)


def later(instant: Instant, by: timedelta) -> Instant:
    """The instant `by` after (or, negative, before) this one, on both clocks, as far as they reach."""
    try:
        wall = instant.wall + by
    except OverflowError:
        wall = LAST if by > timedelta(0) else FIRST
    monotonic_s = instant.monotonic_s + by.total_seconds()
    return Instant(
        wall=wall,
        monotonic_s=min(max(-LONGEST_BOOT_S, monotonic_s), LONGEST_BOOT_S),
        boot=instant.boot,
    )


# --- the document ---------------------------------------------------------------------------------


class EventStatus(Enum):
    SCHEDULED = "Scheduled"
    STARTED = "Started"
    UNSTATED = ""  # the 2015 documents say nothing of it


class EventSource(Enum):
    PLATFORM = "Platform"
    USER = "User"
    OPERATOR = "Operator"  # a wish of ours, never on the wire
    UNSTATED = ""


class SourceKind(Enum):
    """The documents a VM may be served, newest first."""

    SCHEDULED_EVENTS = "scheduled-events"
    MAINTENANCE = "maintenance"
    INSTANCE_INFO = "instance-info"


@dataclass(frozen=True, slots=True, kw_only=True)
class At:
    """NotBefore as the platform gave it, aware UTC."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Blank:
    """NotBefore is empty, as it is once an event has started, or the source knows no such thing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Garbled:
    """NotBefore was there and could not be read; `text` is what was there (at most 100 characters)."""

    text: str


NotBefore = At | Blank | Garbled


class Addressee(Enum):
    """Whom an event names when it lists no resources."""

    READER = "reader"  # the 2015 documents speak of their reader alone


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One entry of a document. It is a *notice* once it names this VM.

    `type` is kept as text, since unknown ones may appear. `duration` None: unknown or not applicable
    (−1 on the wire, or absent). `description` None: the source does not say; never parsed.
    """

    id: str
    type: str
    status: EventStatus
    not_before: NotBefore
    resources: tuple[str, ...] | Addressee
    source: EventSource
    duration: timedelta | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Vm:
    """Who this VM is. Text that the platform did not give is "", its own convention on the wire."""

    name: str
    id: str = ""
    update_domain: str = ""
    fault_domain: str = ""
    set_name: str = ""
    zone: str = ""


class Footing(Enum):
    """How far a document's silence can be believed."""

    STEADY = "steady"
    NEW = "new"  # a slow first answer, an incarnation reset in the last minutes, or a 2015 source


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One successful read of the service.

    `incarnation` is a hint, never a condition; None where the source has none. `skew` is the answer's
    Date header minus this machine's clock, None without the header.
    """

    source: SourceKind
    vm: Vm
    events: tuple[Event, ...]
    read_at: Instant
    incarnation: int | None = None
    skew: timedelta | None = None
    footing: Footing = Footing.STEADY


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """A read that gave nothing to believe. Not empty, not absent: unknown."""

    kind: str
    reason: str


# --- layers ---------------------------------------------------------------------------------------


class Standing(Enum):
    """What one entry of a balancer does with new work. Administrative, never health."""

    IN = "in"  # takes new work
    LEAVING = "leaving"  # being taken out: the balancer has not confirmed it yet
    OUT = "out"  # takes no new work


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """This VM in one place of one layer (a server line, a pool reference, a probed route).

    `isolated`: removed hard (maintenance state, reference gone); implies it takes no new work.
    `detail` is the adapter's own, opaque to the core: what it needs to give the entry back exactly.
    """

    name: str
    standing: Standing
    isolated: bool = False
    detail: str = ""

    def __post_init__(self) -> None:
        if self.isolated and self.standing is Standing.IN:
            raise ValueError(f"{self.name}: an isolated entry takes no new work")

    @property
    def takes_work(self) -> bool:
        return self.standing is Standing.IN


class Face(Enum):
    """Membership of a layer, folded over its entries."""

    IN = "In"
    PARTIAL = "Partial"
    LEAVING = "Leaving"
    OUT = "Out"
    UNREADABLE = "Unreadable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """One reading of a layer, exact enough to restore. No entries at all: not a member, Out.

    `generation` names the balancer's own incarnation (it changes when the balancer restarts), "" where
    it has none.
    """

    entries: tuple[Entry, ...]
    generation: str = ""

    def __post_init__(self) -> None:
        names = [entry.name for entry in self.entries]
        if len(set(names)) != len(names):
            raise ValueError(f"entry names must be unique, got {names}")

    @property
    def face(self) -> Face:
        standings = {entry.standing for entry in self.entries}
        if standings == {Standing.IN}:
            return Face.IN
        if Standing.IN in standings:
            return Face.PARTIAL
        return Face.LEAVING if Standing.LEAVING in standings else Face.OUT

    @property
    def taking_work(self) -> frozenset[str]:
        """Names of the entries that take new work."""
        return frozenset(entry.name for entry in self.entries if entry.takes_work)


Reading = Membership | Unreadable


# --- work in flight -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class InFlight:
    """Work counted: established connections, or the balancer's own count."""

    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmeasured:
    """Work that cannot be counted from here; proves nothing."""

    reason: str


Work = InFlight | Unmeasured


# --- answers of the outside -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Done:
    """The verb had its effect, and that was seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """The verb began; ask again. `reason` is for people. `untouched`: nothing was changed so far."""

    reason: str
    untouched: bool = False


Progress = Done | Pending


class AckAnswer(Enum):
    DONE = "done"
    GONE = "gone"  # the event is no longer listed; nothing to acknowledge


@dataclass(frozen=True, slots=True)
class Healthy:
    """One deep check passed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failing:
    """One deep check failed, or could not be made."""

    reason: str


Health = Healthy | Failing


class Phase(Enum):
    """Phases of a lease. `REBOOTING` outlives the daemon that took it."""

    DRAINING = "draining"
    REBOOTING = "rebooting"


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """A lease is held until `until` (by this machine's clock); `forced`: taken over the limit."""

    until: Instant
    forced: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Denied:
    """Not now. An answer, not an error."""

    reason: str
    retry_at: Instant


class Stage(Enum):
    """Where in an episode a hook runs."""

    BEFORE_CORDON = "before-cordon"
    CORDONED = "cordoned"
    DRAINED = "drained"
    BEFORE_RESTORE = "before-restore"
    RESTORED = "restored"


@dataclass(frozen=True, slots=True)
class Go:
    """The hook lets the episode go on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HookWait:
    """The hook asks to be asked again."""

    retry_at: Instant
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Abort:
    """The hook says no: see the stages for what that means."""

    reason: str = ""


HookAnswer = Go | HookWait | Abort
