"""Many notices and an operator's wish folded into one threat, or none.

Knows the document, the policy and the journal's terms. It must not know layers, leases or steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from drainer.core.episode import Episode, Wishes
from drainer.core.model import Document, Event, EventSource, Instant
from drainer.core.naming import names_vm
from drainer.core.policy import Do, Policy, Rule
from drainer.core.record import Terms
from drainer.core.terms import due_at_of, operator_terms, terms_of
from drainer.core.wish import OPERATOR_ID as OPERATOR_ID  # part of what a threat is known by

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
        return any(
            t.type.casefold() not in LEASE_FREE_TYPES and t.source != EventSource.OPERATOR.value
            for t in self.terms
        )


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
        terms_of(
            s.event, s.rule, recorded.get(s.event.id), document=document, now=now, platform_now=platform_now
        )
        for s in sightings
        if s.threat and document is not None
    )
    if drain_wished(wishes, now):
        terms = (*terms, operator_terms(policy, wishes.drain_since or now))
    if document is None and terms and episode and episode.quiet_since is None:
        terms = (*terms, *_still_believed(recorded, wishes))
    return Outlook(sightings=sightings, threat=_folded(terms) if terms else None)


def _still_believed(recorded: Mapping[str, Terms], wishes: Wishes) -> tuple[Terms, ...]:
    """What the journal knows of notices while the document cannot be read: those that nobody skipped."""
    return tuple(
        terms
        for terms in recorded.values()
        if terms.force_at and terms.event_id != OPERATOR_ID and terms.event_id not in wishes.skips
    )


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
    seen: list[Sighting] = []
    for event in document.events:
        if event.id in wishes.skips or not names_vm(event, document.vm.name):
            continue
        if any(sighting.event.id == event.id for sighting in seen):
            continue  # one id is one notice, however often a document lists it
        _, rule = policy.rule_for(event)
        due_at = due_at_of(event, rule)
        due = due_at is None or due_at <= platform_now
        threat = event.id in known or (rule.do is Do.DRAIN and due)
        seen.append(Sighting(event=event, rule=rule, due_at=None if due else due_at, threat=threat))
    return tuple(seen)


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
