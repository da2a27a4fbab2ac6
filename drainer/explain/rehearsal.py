"""A world that exists in memory alone and in which everything works: the ports of a rehearsal.

It knows how an announced event goes on. It must not know what the sidecar does about it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum

from drainer.act import Ports
from drainer.approvals import MemoryApprovals
from drainer.backends.fake import Balancer, FakeBackend
from drainer.budgets.unlimited import Unlimited
from drainer.clock import ManualClock
from drainer.core.model import (
    AckAnswer,
    Addressee,
    At,
    Blank,
    Document,
    Event,
    EventStatus,
    Health,
    Healthy,
    InFlight,
    Standing,
    Work,
)
from drainer.core.policy import Policy
from drainer.dryrun import SilentHooks, SilentSystemLog
from drainer.notices import notices_of
from drainer.ports import Backend

DRAINS_IN = timedelta(seconds=5)
STARTS_IN = timedelta(seconds=5)
UNKNOWN_NOTICE = timedelta(minutes=5)
LASTS = timedelta(seconds=60)
LAST_WORDS = frozenset({"preempt", "terminate"})
"""Types after which there is no VM to give back."""

ASSUMES = (
    "every layer has this VM in, and does what it is told",
    f"work in flight ends {DRAINS_IN.seconds} s after the cordon",
    f"an event starts at NotBefore, or {STARTS_IN.seconds} s after it was acknowledged",
    f"where NotBefore is unknown, it starts after {UNKNOWN_NOTICE.seconds // 60} minutes",
    f"it lasts as long as it says, {LASTS.seconds} s where it does not say, and never comes back",
    "hooks say go, the budget grants, the deep check passes",
    "the other VMs that an event names are drained too",
)


class Stage(Enum):
    """Where an event of the rehearsal stands."""

    ANNOUNCED = "announced"
    STARTED = "started"
    OVER = "over"


@dataclass(slots=True)
class Course:
    """One event, and when it starts and ends."""

    event: Event
    starts_at: datetime
    lasts: timedelta

    def stage(self, now: datetime) -> Stage:
        if now < self.starts_at:
            return Stage.ANNOUNCED
        return Stage.STARTED if now < self.starts_at + self.lasts else Stage.OVER

    def next_change_at(self, now: datetime) -> datetime | None:
        match self.stage(now):
            case Stage.ANNOUNCED:
                return self.starts_at
            case Stage.STARTED:
                return self.starts_at + self.lasts
            case Stage.OVER:
                return None


class RehearsedFeed:
    """The document as it will change: announced, started, gone."""

    def __init__(self, document: Document, clock: ManualClock) -> None:
        self._document = document
        self._clock = clock
        now = clock.now().wall
        self._courses = {event.id: _course(event, now) for event in notices_of(document)}

    def latest(self) -> Document:
        now = self._clock.now()
        listed = tuple(
            _as_listed(course.event, course.stage(now.wall))
            for course in self._courses.values()
            if course.stage(now.wall) is not Stage.OVER
        )
        return replace(self._document, events=listed, read_at=now, skew=None)

    def acknowledge(self, event_id: str) -> AckAnswer:
        course, now = self._courses[event_id], self._clock.now().wall
        course.starts_at = min(course.starts_at, now + STARTS_IN)
        return AckAnswer.DONE

    @property
    def next_change_at(self) -> datetime | None:
        now = self._clock.now().wall
        changes = (course.next_change_at(now) for course in self._courses.values())
        return min((at for at in changes if at is not None), default=None)

    @property
    def ended_the_vm(self) -> bool:
        """Whether an event has started after which this VM does not come back."""
        now = self._clock.now().wall
        return any(
            course.stage(now) is not Stage.ANNOUNCED and course.event.type.casefold() in LAST_WORDS
            for course in self._courses.values()
        )


def _course(event: Event, now: datetime) -> Course:
    lasts = event.duration or LASTS
    if event.status is EventStatus.STARTED:
        return Course(event, now, lasts)
    starts_at = event.not_before.at if isinstance(event.not_before, At) else now + UNKNOWN_NOTICE
    return Course(event, max(starts_at, now), lasts)


def _as_listed(event: Event, stage: Stage) -> Event:
    """A source that says nothing of the status lists its notice unchanged until it is over."""
    if stage is Stage.ANNOUNCED or event.status is EventStatus.UNSTATED:
        return event
    return replace(event, status=EventStatus.STARTED, not_before=Blank())


class RehearsedApplication:
    """Work ends by itself once a layer takes no more; the deep check passes."""

    def __init__(self, clock: ManualClock, balancers: tuple[Balancer, ...]) -> None:
        self._clock = clock
        self._balancers = balancers
        self._out_since: datetime | None = None

    def in_flight(self) -> Work:
        now = self._clock.now().wall
        if not any(_is_out(balancer) for balancer in self._balancers):
            self._out_since = None
            return InFlight(count=1)
        self._out_since = self._out_since or now
        return InFlight(count=0 if now - self._out_since >= DRAINS_IN else 1)

    def check(self) -> Health:
        return Healthy()


class RehearsedApprovals:
    """Whoever an event names is drained as soon as this VM is."""

    def __init__(self, mine: MemoryApprovals, named: Mapping[str, frozenset[str]]) -> None:
        self._mine = mine
        self._named = named
        self.publish: Callable[[str], None] = mine.publish

    def published(self, event_id: str) -> frozenset[str]:
        ours = self._mine.published(event_id)
        return ours | self._named.get(event_id, frozenset()) if ours else ours


def standing_for(layers: tuple[Backend, ...], clock: ManualClock) -> tuple[FakeBackend, ...]:
    """A layer in memory for each of these, able to do what they can, under their names."""
    fakes = []
    for layer in layers:
        fake = FakeBackend(Balancer((layer.name,)), clock, cordons=layer.cordons, isolates=layer.isolates)
        fake.name = layer.name
        fakes.append(fake)
    return tuple(fakes)


def ports_for(
    document: Document, policy: Policy, layers: tuple[Backend, ...], clock: ManualClock
) -> tuple[Ports, RehearsedFeed]:
    """Every port of a rehearsal, and its feed once more, which knows when it changes next."""
    feed = RehearsedFeed(document, clock)
    fakes = standing_for(layers, clock)
    application = RehearsedApplication(clock, tuple(fake.balancer for fake in fakes))
    named = {
        event.id: frozenset(() if isinstance(event.resources, Addressee) else event.resources)
        for event in document.events
    }
    ports = Ports(
        clock=clock,
        feed=feed,
        layers=fakes,
        connections=application,
        health=application,
        hooks=SilentHooks(),
        approvals=RehearsedApprovals(MemoryApprovals(document.vm.name), named),
        system_log=SilentSystemLog(),
        budget=None if policy.budget.name == "none" else Unlimited(clock),
        hook_stages=frozenset(hook.stage for hook in policy.hooks),
    )
    return ports, feed


def _is_out(balancer: Balancer) -> bool:
    return any(entry.standing is not Standing.IN for entry in balancer.entries.values())
