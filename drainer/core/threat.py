"""Many notices and an operator's wish folded into one threat, or none.

Knows the document, the policy and the journal's terms. It must not know layers, leases or steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from drainer.core.episode import Episode, Wishes
from drainer.core.model import (
    At,
    Blank,
    Document,
    Event,
    EventSource,
    EventStatus,
    Garbled,
    Instant,
    SourceKind,
)
from drainer.core.naming import names_vm, siblings_of
from drainer.core.policy import MINIMUM_NOTICE, NOTICE_2015, Acknowledge, Any, Do, Policy, Rule
from drainer.core.record import Terms

OPERATOR_ID = "operator-drain"
LEASE_FREE_TYPES = frozenset({"preempt", "terminate"})
"""Types after which this VM does not come back, so that no `rebooting` lease is taken for them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Threat:
    """What must be drained for, folded: force and drain deadline are minima, settle a maximum."""

    terms: tuple[Terms, ...]
    force_at: datetime | None
    not_before: datetime | None
    started: bool
    drain_timeout: timedelta
    quiet_for: timedelta
    settle: timedelta
    uses_budget: bool

    @property
    def takes_rebooting(self) -> bool:
        return any(t.type.casefold() not in LEASE_FREE_TYPES and t.source != "Operator" for t in self.terms)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """One notice for this VM and what the policy says of it now."""

    event: Event
    rule: Rule
    due_at: datetime | None  # None: due now
    threat: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """The document as this VM's policy sees it. `threat` None: nothing to drain for now."""

    sightings: tuple[Sighting, ...]
    threat: Threat | None

    @property
    def next_due_at(self) -> datetime | None:
        return min((s.due_at for s in self.sightings if s.due_at and not s.threat), default=None)


def outlook(
    document: Document | None,
    *,
    policy: Policy,
    episode: Episode | None,
    wishes: Wishes,
    now: Instant,
    platform_now: datetime,
) -> Outlook:
    """Fold what the document (None: unreadable) and the operators say. `platform_now`: by its clock."""
    sightings = () if document is None else _sightings(document, policy, episode, wishes, platform_now)
    recorded: Mapping[str, Terms] = episode.terms if episode else {}
    terms = tuple(
        _terms(s, recorded.get(s.event.id), document, platform_now)
        for s in sightings
        if s.threat and document is not None
    )
    if drain_wished(wishes, now):
        terms = (*terms, _operator_terms(policy))
    if document is None and terms and episode and episode.quiet_since is None:
        terms = (*terms, *(t for t in recorded.values() if t.force_at and t.event_id != OPERATOR_ID))
    if wishes.force_at is not None:
        terms = tuple(_forced(t, wishes.force_at) for t in terms)
    return Outlook(sightings=sightings, threat=_folded(terms) if terms else None)


def drain_wished(wishes: Wishes, now: Instant) -> bool:
    """Whether an operator's drain holds: until its end, or, without one, until the next boot."""
    if wishes.drain is None or wishes.drain_since is None:
        return False
    if wishes.drain.until is not None:
        return now.wall < wishes.drain.until
    return wishes.drain_since.boot == now.boot


def _sightings(
    document: Document, policy: Policy, episode: Episode | None, wishes: Wishes, platform_now: datetime
) -> tuple[Sighting, ...]:
    known = episode.terms if episode else {}
    seen = []
    for event in document.events:
        if event.id in wishes.skips or not names_vm(event, document.vm.name):
            continue
        _, rule = policy.rule_for(event)
        due_at = _due_at(event, rule)
        due = due_at is None or due_at <= platform_now
        threat = event.id in known or (rule.do is Do.DRAIN and due)
        seen.append(Sighting(event=event, rule=rule, due_at=None if due else due_at, threat=threat))
    return tuple(seen)


def _due_at(event: Event, rule: Rule) -> datetime | None:
    """When the notice comes inside the lead. None: at once (Started, unknown NotBefore, or `lead: any`)."""
    if event.status is EventStatus.STARTED or rule.lead is Any.ANY:
        return None
    match event.not_before:
        case At(at=at):
            return _shifted(at, -rule.lead)
        case Blank() | Garbled():
            return None


def _terms(sighting: Sighting, recorded: Terms | None, document: Document, now: datetime) -> Terms:
    """This notice's terms: a changed policy, type or duration may tighten them, never end them."""
    event, rule = sighting.event, sighting.rule
    started = event.status is EventStatus.STARTED
    fresh = Terms(
        event_id=event.id,
        type=event.type,
        source=event.source.value,
        started=started,
        force_at=None,
        not_before=None,
        force=rule.force,
        drain_timeout=rule.drain_timeout,
        quiet_for=rule.quiet_for,
        settle=rule.settle,
        acknowledge=rule.acknowledge if event.status is EventStatus.SCHEDULED else Acknowledge.NEVER,
        use_budget=rule.use_budget,
        siblings=siblings_of(event, document.vm.name),
    )
    tight = fresh if recorded is None else _tightened(recorded, fresh, still_drains=rule.do is Do.DRAIN)
    return _timed(tight, event, recorded, document, now)


def _tightened(recorded: Terms, fresh: Terms, *, still_drains: bool) -> Terms:
    if not still_drains:
        return replace(recorded, type=fresh.type, started=fresh.started, siblings=fresh.siblings)
    return replace(
        fresh,
        force=max(recorded.force, fresh.force),
        drain_timeout=min(recorded.drain_timeout, fresh.drain_timeout),
        quiet_for=max(recorded.quiet_for, fresh.quiet_for),
        settle=max(recorded.settle, fresh.settle),
        use_budget=recorded.use_budget and fresh.use_budget,
        acknowledge=fresh.acknowledge
        if fresh.acknowledge is Acknowledge.NEVER
        else _stricter(recorded, fresh),
    )


def _stricter(recorded: Terms, fresh: Terms) -> Acknowledge:
    order = (Acknowledge.NEVER, Acknowledge.WHEN_DRAINED, Acknowledge.AT_DRAIN_END)
    return min(recorded.acknowledge, fresh.acknowledge, key=order.index)


def _timed(terms: Terms, event: Event, recorded: Terms | None, document: Document, now: datetime) -> Terms:
    if terms.started:
        first = recorded.force_at if recorded and recorded.started and recorded.force_at else now
        return replace(terms, force_at=first, not_before=None if keeps_flows(terms.type) else first)
    if isinstance(event.not_before, At):
        at = event.not_before.at
        return replace(terms, not_before=at, force_at=_shifted(at, -terms.force))
    if recorded and recorded.force_at and not recorded.started:
        return replace(terms, force_at=recorded.force_at, not_before=recorded.not_before)
    unknown = _shifted(now, _minimum_notice(event, document))
    return replace(terms, force_at=unknown, not_before=unknown)


def keeps_flows(event_type: str) -> bool:
    """Whether established flows outlive the event itself: a Freeze pauses, the others end them."""
    return event_type.casefold() == "freeze"


def _minimum_notice(event: Event, document: Document) -> timedelta:
    if document.source is not SourceKind.SCHEDULED_EVENTS:
        return NOTICE_2015
    return MINIMUM_NOTICE.get(event.type, min(MINIMUM_NOTICE.values()))


def _operator_terms(policy: Policy) -> Terms:
    wished = Event(
        id=OPERATOR_ID,
        type="Drain",
        status=EventStatus.UNSTATED,
        not_before=Blank(),
        resources=(),
        source=EventSource.OPERATOR,
    )
    _, matched = policy.rule_for(wished)
    rule = matched if matched.do is Do.DRAIN else Rule()
    return Terms(
        event_id=OPERATOR_ID,
        type="Drain",
        source=EventSource.OPERATOR.value,
        started=False,
        force_at=None,
        not_before=None,
        force=rule.force,
        drain_timeout=rule.drain_timeout,
        quiet_for=rule.quiet_for,
        settle=rule.settle,
        acknowledge=Acknowledge.NEVER,
        use_budget=rule.use_budget,
    )


def _forced(terms: Terms, since: Instant) -> Terms:
    return replace(terms, force_at=min(terms.force_at or since.wall, since.wall))


def _shifted(at: datetime, by: timedelta) -> datetime:
    """`at + by`, held inside what a datetime can say: the platform's text may be absurd."""
    try:
        return at + by
    except OverflowError:
        return at


def _folded(terms: tuple[Terms, ...]) -> Threat:
    return Threat(
        terms=terms,
        force_at=min((t.force_at for t in terms if t.force_at), default=None),
        not_before=min((t.not_before for t in terms if t.not_before), default=None),
        started=any(t.started for t in terms),
        drain_timeout=min(t.drain_timeout for t in terms),
        quiet_for=max(t.quiet_for for t in terms),
        settle=max(t.settle for t in terms),
        uses_budget=all(t.use_budget for t in terms),
    )
