"""One moment, one notice, one layer and one episode, as the tests of the core change them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from drainer.core.assess import Observation
from drainer.core.episode import Episode, LayerFacts, LeaseFacts, State, Window, Wishes
from drainer.core.layers import LayerSight
from drainer.core.model import (
    At,
    Document,
    Entry,
    Event,
    EventSource,
    EventStatus,
    InFlight,
    Instant,
    Membership,
    Phase,
    SourceKind,
    Standing,
    Vm,
    later,
)
from drainer.core.policy import Acknowledge, BackendChoice, Policy, Rule
from drainer.core.record import Terms
from drainer.core.wish import Drain

NOW = Instant(wall=datetime(2026, 1, 1, tzinfo=UTC), monotonic_s=1000.0, boot="b")
RULE = Rule(settle=timedelta(seconds=30))
POLICY = Policy(rules=(RULE,), backend=(BackendChoice(name="fake", options=None),))


def seconds(value: float) -> timedelta:
    return timedelta(seconds=value)


def at(offset_s: float) -> Instant:
    """The instant so many seconds after (negative: before) the tests' now."""
    return later(NOW, seconds(offset_s))


WISHES = Wishes(
    drain=Drain(reason="x"),
    drain_since=at(-7),
    skips=frozenset({"E9"}),
    hold_until=at(60).wall,
    force_at=at(-3),
    restore=True,
)
"""Something of everything that an operator may have asked for."""


def notice(event_id: str = "E1", *, due_s: float = 240, **changes: Any) -> Event:
    """A Reboot of vm1 and vm2, `due_s` seconds from now."""
    given: dict[str, Any] = {
        "id": event_id,
        "type": "Reboot",
        "status": EventStatus.SCHEDULED,
        "not_before": At(at=at(due_s).wall),
        "resources": ("vm1", "vm2"),
        "source": EventSource.PLATFORM,
    }
    return Event(**{**given, **changes})


def document(*events: Event, **changes: Any) -> Document:
    given = Document(source=SourceKind.SCHEDULED_EVENTS, vm=Vm(name="vm1"), events=events, read_at=NOW)
    return replace(given, **changes)


def terms(event_id: str = "E1", *, due_s: float = 240, **changes: Any) -> Terms:
    """What the journal says of `notice(event_id, due_s=due_s)` by `RULE`."""
    given = Terms(
        event_id=event_id,
        type="Reboot",
        source="Platform",
        since=at(-60),
        started=False,
        force_at=at(due_s - 60).wall,
        not_before=at(due_s).wall,
        force=RULE.force,
        drain_timeout=RULE.drain_timeout,
        quiet_for=RULE.quiet_for,
        settle=RULE.settle,
        acknowledge=Acknowledge.WHEN_DRAINED,
        use_budget=True,
        siblings=("vm2",),
    )
    return replace(given, **changes)


def reading(standing: Standing = Standing.IN, *, isolated: bool = False, name: str = "a") -> Membership:
    return Membership(entries=(Entry(name=name, standing=standing, isolated=isolated),))


def sight(**changes: Any) -> LayerSight:
    given: dict[str, Any] = {"name": "pool", "cordons": True, "isolates": True, "reading": reading()}
    return LayerSight(**{**given, **changes})


def facts(**changes: Any) -> LayerFacts:
    return LayerFacts(**{"was": reading(), **changes})


def episode(**changes: Any) -> Episode:
    """Open since a minute for E1, over one layer that was in."""
    given: dict[str, Any] = {
        "id": "e",
        "opened": at(-60),
        "vm": "vm1",
        "vm_id": "i",
        "policy": "p",
        "terms": {"E1": terms()},
        "layers": {"pool": facts()},
    }
    return Episode(**{**given, **changes})


def lease(*, granted_s: float = -30, lasts_s: float = 120, **changes: Any) -> LeaseFacts:
    """Draining, granted `granted_s` seconds from now."""
    term = Window(since=at(granted_s), lasts=seconds(lasts_s))
    return replace(LeaseFacts(attempted=True, phase=Phase.DRAINING, term=term), **changes)


def seen(**changes: Any) -> Observation:
    """The layer is In, nothing is announced, nothing is in flight since long."""
    given: dict[str, Any] = {
        "now": NOW,
        "document": document(),
        "layers": (sight(),),
        "work": InFlight(count=0),
        "still_since": at(-3600),
        "passes": 3,
    }
    return Observation(**{**given, **changes})


def opened(**changes: Any) -> State:
    return State(episode=episode(**changes))
