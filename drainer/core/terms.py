"""The terms of one notice: what the policy makes of it, never looser than what was journalled before.

Knows one event at a time; `drainer.core.threat` folds them.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import assert_never

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
from drainer.core.naming import siblings_of
from drainer.core.policy import MINIMUM_NOTICE, NOTICE_2015, Acknowledge, Any, Do, Policy, Rule
from drainer.core.record import Terms
from drainer.core.wish import OPERATOR_ID


def due_at_of(event: Event, rule: Rule) -> datetime | None:
    """When the notice comes inside the lead. None: at once (Started, unknown NotBefore, or `lead: any`)."""
    if event.status is EventStatus.STARTED or rule.lead is Any.ANY:
        return None
    match event.not_before:
        case At(at=at):
            return _shifted(at, -rule.lead)
        case Blank() | Garbled():
            return None
        case _:
            assert_never(event.not_before)


def terms_of(
    event: Event,
    rule: Rule,
    recorded: Terms | None,
    *,
    document: Document,
    now: Instant,
    platform_now: datetime,
) -> Terms:
    """This notice's terms: a changed policy, type or duration may tighten them, never end them."""
    started = event.status is EventStatus.STARTED
    fresh = Terms(
        event_id=event.id,
        type=event.type,
        source=event.source.value,
        since=recorded.since if recorded else now,
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
    return _timed(tight, event, recorded, document, platform_now)


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
        acknowledge=_stricter(recorded, fresh),
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


def operator_terms(policy: Policy, since: Instant) -> Terms:
    """The terms of an operator's own drain: no time of its own, and nobody to acknowledge to."""
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
        since=since,
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


def _shifted(at: datetime, by: timedelta) -> datetime:
    """`at + by`, held inside what a datetime can say: the platform's text may be absurd."""
    try:
        return at + by
    except OverflowError:
        return at
