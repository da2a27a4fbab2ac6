"""Fold one observation, the journal and the policy into a `Situation`: everything `decide` may look at.

Pure and total. It judges nothing that the table judges.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from drainer.core.episode import Episode, HookFacts, LayerFacts, LeaseFacts, State, all_in, unsettled
from drainer.core.model import (
    Document,
    Face,
    InFlight,
    Instant,
    Membership,
    Phase,
    Reading,
    Stage,
    Unreadable,
    Work,
    elapsed,
)
from drainer.core.policy import Acknowledge, Policy
from drainer.core.record import Terms
from drainer.core.situation import Ack, Gate, Layer, Lease, Reads, Situation
from drainer.core.threat import OPERATOR_ID, Outlook, Threat, outlook

SETTLE_NEW = timedelta(minutes=5)
"""Settle where the document's silence is young: see `Footing.NEW`."""

HOOK_FAILURES = 3
"""Failures of a hook's stage after which the episode goes on without it, alarmed."""

HOOK_WAITS = 10
"""Answers "wait" of a hook's stage that are honoured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerSight:
    """One layer as observed. `others`: other members in service, None where it cannot be told.

    `last` is what this life of the daemon last read; for the record at Open where it is unread now.
    """

    name: str
    cordons: bool
    isolates: bool
    reading: Reading
    others: int | None = None
    last: Membership | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What one tick saw, and what this life of the daemon remembers of earlier ones.

    `skew`: the platform's clock minus ours. `still_since`: since when work in flight has been zero.
    `passes`: deep checks passed in a row since the last failure.
    """

    now: Instant
    document: Document | Unreadable
    layers: tuple[LayerSight, ...]
    work: Work
    still_since: Instant | None = None
    passes: int = 0
    skew: timedelta = timedelta(0)
    hook_stages: frozenset[Stage] = frozenset()
    budget: bool = False
    denied: str = ""
    published: Mapping[str, frozenset[str]] = field(default_factory=dict)
    backing_off: Mapping[str, timedelta] = field(default_factory=dict)

    @property
    def platform_now(self) -> datetime:
        return self.now.wall + self.skew


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """The situation, and what it was made of where acting needs it."""

    situation: Situation
    outlook: Outlook

    @property
    def threat(self) -> Threat | None:
        return self.outlook.threat


def assess(seen: Observation, state: State, policy: Policy) -> Assessment:
    """What is going on. Total: every observation, state and policy has a situation."""
    document = seen.document if isinstance(seen.document, Document) else None
    sees = outlook(
        document,
        policy=policy,
        episode=state.episode,
        wishes=state.wishes,
        now=seen.now,
        platform_now=seen.platform_now,
    )
    return Assessment(situation=_situation(seen, state, policy, sees), outlook=sees)


def _situation(seen: Observation, state: State, policy: Policy, sees: Outlook) -> Situation:
    episode, threat = state.episode, sees.threat
    reads = _reads(seen, state, threat)
    layers = tuple(_layer(sight, episode, seen.now) for sight in seen.layers)
    hold = state.wishes.hold_until is not None and seen.now.wall < state.wishes.hold_until
    past_force = _past_force(seen, episode, threat)
    lease = episode.lease if episode else LeaseFacts()
    hooks_due = _hooks_due(seen, episode)
    return Situation(
        reads=reads,
        layers=layers,
        open=episode is not None,
        quiet_noted=bool(episode and episode.quiet_since),
        terms_noted=_terms_noted(episode, threat),
        past_force=past_force,
        gates=_gates(seen, policy, layers, hold=hold, hooks_due=hooks_due),
        uses_budget=seen.budget and (threat.uses_budget if threat else True),
        takes_rebooting=threat.takes_rebooting if threat else True,
        lease=_lease(lease, seen.now),
        phase=lease.phase,
        attempted=lease.attempted,
        lease_unsettled=unsettled(filter(None, (lease.trying, lease.lands_at)), seen.now),
        yielded=bool(episode and episode.yielded),
        cordoned_noted=bool(episode and episode.cordoned_at),
        before_deadline=_before_deadline(seen, episode, threat),
        busy=_busy(seen, threat),
        hooks_due=hooks_due,
        hook_aborted=bool(episode and episode.hook(Stage.BEFORE_RESTORE).aborted),
        acks=_acks(seen, episode, threat, hooks_due=hooks_due, past_force=past_force),
        settled=_settled(seen, episode),
        hold=hold,
        healthy=seen.passes >= policy.health.passes or bool(episode and episode.failing),
        backing_off=seen.backing_off,
        wake_after=_wake_after(seen, sees),
    )


def _reads(seen: Observation, state: State, threat: Threat | None) -> Reads:
    if threat is not None:
        return Reads.THREAT
    if isinstance(seen.document, Document) or state.wishes.restore:
        return Reads.QUIET
    return Reads.UNREADABLE


def _past_force(seen: Observation, episode: Episode | None, threat: Threat | None) -> bool:
    if threat is not None:
        force_at = threat.force_at
    else:
        force_at = episode.force_at if episode and episode.quiet_since is None else None
    return force_at is not None and force_at <= seen.platform_now


def _terms_noted(episode: Episode | None, threat: Threat | None) -> bool:
    if episode is None or threat is None:
        return True
    return all(episode.terms.get(terms.event_id) == terms for terms in threat.terms)


# --- layers ---------------------------------------------------------------------------------------


def _layer(sight: LayerSight, episode: Episode | None, now: Instant) -> Layer:
    facts = episode.layers.get(sight.name) if episode else None
    if isinstance(sight.reading, Unreadable):
        return _unread(sight, facts, now)
    reading = sight.reading
    was = was_of(facts, reading) if facts else None
    was_in = was.taking_work if was else frozenset()
    taking = reading.taking_work
    isolated = {entry.name for entry in reading.entries if entry.isolated}
    present = {entry.name for entry in reading.entries}
    return Layer(
        name=sight.name,
        cordons=sight.cordons,
        isolates=sight.isolates,
        face=reading.face,
        recorded=was is not None,
        was_in=bool(was_in),
        newly_in=was is not None and bool(taking - was_in),
        reads_in=bool(taking & was_in),
        missing=bool(was_in - taking),
        to_isolate=sight.isolates and bool((was_in & present) - _hard_out(sight, taking, isolated, present)),
        intended=bool(facts and facts.intended),
        done=bool(facts and facts.done),
        unsettled=bool(facts and unsettled(facts.unsettled_until(), now)),
        last_in=bool(sight.last and sight.last.taking_work),
    )


def _hard_out(
    sight: LayerSight, taking: frozenset[str], isolated: set[str], present: set[str]
) -> frozenset[str]:
    """Entries that count as removed: where a layer only isolates, taking no work is being removed."""
    return frozenset(isolated) if sight.cordons else frozenset(present - taking)


def _unread(sight: LayerSight, facts: LayerFacts | None, now: Instant) -> Layer:
    was = facts.was if facts else None
    return Layer(
        name=sight.name,
        cordons=sight.cordons,
        isolates=sight.isolates,
        face=Face.UNREADABLE,
        recorded=was is not None or bool(facts and facts.adopted),
        was_in=bool(was and was.taking_work) or bool(facts and facts.adopted),
        intended=bool(facts and facts.intended),
        done=bool(facts and facts.done),
        unsettled=bool(facts and unsettled(facts.unsettled_until(), now)),
        last_in=bool(sight.last and sight.last.taking_work),
    )


def was_of(facts: LayerFacts, reading: Membership) -> Membership | None:
    """What the layer was at Open; an adopted layer of which nothing is recorded: everything in."""
    if facts.was is None and facts.adopted:
        return all_in(reading)
    return facts.was


# --- times ----------------------------------------------------------------------------------------


def _busy(seen: Observation, threat: Threat | None) -> bool:
    if not isinstance(seen.work, InFlight) or seen.work.count > 0 or seen.still_since is None:
        return True
    quiet_for = threat.quiet_for if threat else timedelta(0)
    return elapsed(seen.still_since, seen.now) < quiet_for


def _before_deadline(seen: Observation, episode: Episode | None, threat: Threat | None) -> bool:
    if threat is None:
        return True
    if threat.not_before is not None and threat.not_before <= seen.platform_now:
        return False
    if episode is None or episode.cordoned_at is None:
        return True
    return elapsed(episode.cordoned_at, seen.now) < threat.drain_timeout


def _settled(seen: Observation, episode: Episode | None) -> bool:
    if episode is None or episode.quiet_since is None:
        return False
    if episode.at_once:
        return True
    settle = max((terms.settle for terms in episode.terms.values()), default=timedelta(0))
    if isinstance(seen.document, Document) and seen.document.footing.value == "new":
        settle = max(settle, SETTLE_NEW)
    return elapsed(episode.quiet_since, seen.now) >= settle


def _wake_after(seen: Observation, sees: Outlook) -> timedelta | None:
    """When the next thing happens by itself: a notice comes inside its lead, a back-off ends."""
    candidates = list(seen.backing_off.values())
    if sees.next_due_at is not None:
        candidates.append(sees.next_due_at - seen.platform_now)
    return min((max(timedelta(0), c) for c in candidates), default=None)


def _lease(lease: LeaseFacts, now: Instant) -> Lease:
    """Renewal is due at half of its life; a `rebooting` lease is never renewed before it expires."""
    if lease.phase is None or lease.until is None or lease.asked is None:
        return Lease.NONE
    if not unsettled((lease.until,), now):
        return Lease.EXPIRED
    if lease.phase is Phase.REBOOTING:
        return Lease.HELD
    life = elapsed(lease.asked, lease.until)
    return Lease.DUE if elapsed(lease.asked, now) >= life / 2 else Lease.HELD


# --- gates, hooks, acknowledgements ---------------------------------------------------------------


def _gates(
    seen: Observation,
    policy: Policy,
    layers: tuple[Layer, ...],
    *,
    hold: bool,
    hooks_due: frozenset[Stage],
) -> tuple[Gate, ...]:
    gates = [Gate(name="hold", hard=True)] if hold else []
    serving = any(layer.reads_in for layer in layers)
    others = min((sight.others for sight in seen.layers if sight.others is not None), default=None)
    if serving and others is not None:
        if policy.keep_last and others == 0:
            gates.append(Gate(name="keep-last", hard=True, reason="no other member is in service"))
        if others < policy.min_in_service:
            gates.append(Gate(name="min-in-service", hard=False, reason=f"{others} others in service"))
    if seen.denied:
        gates.append(Gate(name="budget", hard=False, reason=seen.denied))
    waiting = f"hook {Stage.BEFORE_CORDON.value}" in seen.backing_off
    if Stage.BEFORE_CORDON in hooks_due and waiting:
        gates.append(Gate(name="hook", hard=False, reason="the before-cordon hook has not said go"))
    return tuple(gates)


def _hooks_due(seen: Observation, episode: Episode | None) -> frozenset[Stage]:
    if episode is None:
        return frozenset()
    return frozenset(stage for stage in seen.hook_stages if _due(episode.hook(stage)))


def _due(facts: HookFacts) -> bool:
    spent = facts.failures >= HOOK_FAILURES or facts.waits > HOOK_WAITS
    return not (facts.done or facts.aborted or spent)


def _acks(
    seen: Observation,
    episode: Episode | None,
    threat: Threat | None,
    *,
    hooks_due: frozenset[Stage],
    past_force: bool,
) -> tuple[Ack, ...]:
    if episode is None or threat is None or episode.hook(Stage.DRAINED).aborted:
        return ()
    if Stage.DRAINED in hooks_due and not past_force:
        return ()
    return tuple(
        _ack(terms, episode, seen) for terms in threat.terms if _may_acknowledge(terms, episode, seen)
    )


def _may_acknowledge(terms: Terms, episode: Episode, seen: Observation) -> bool:
    return (
        isinstance(seen.document, Document)
        and terms.event_id != OPERATOR_ID
        and terms.acknowledge is not Acknowledge.NEVER
        and not terms.started
        and terms.event_id not in episode.acknowledged
    )


def _ack(terms: Terms, episode: Episode, seen: Observation) -> Ack:
    siblings = bool(terms.siblings)
    drained = {name.casefold() for name in seen.published.get(terms.event_id, frozenset())}
    return Ack(
        event_id=terms.event_id,
        unproven=terms.acknowledge is Acknowledge.AT_DRAIN_END and not siblings,
        siblings=siblings,
        published=terms.event_id in episode.published,
        published_by_all=all(name.casefold() in drained for name in terms.siblings),
    )
