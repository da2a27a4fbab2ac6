"""Fold one observation, the journal and the policy into a `Situation`: everything `decide` may look at.

Pure and total. It judges nothing that the table judges.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from drainer.core.episode import LONGEST_LEASE, Episode, LeaseFacts, State, Window, still_open
from drainer.core.gates import ASKING, HOLD, HOOK_FAILURES, HOOK_WAITS, acks, hooks_due, member_gates
from drainer.core.layers import LayerSight, layers_of, was_of
from drainer.core.model import Document, Footing, InFlight, Instant, Stage, Unreadable, Work, elapsed
from drainer.core.policy import Policy
from drainer.core.situation import Gate, Layer, Lease, Reads, Situation
from drainer.core.threat import Outlook, Threat, outlook

SETTLE_NEW = timedelta(minutes=5)
"""Settle where the document's silence is young: see `Footing.NEW`."""


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
    sees = outlook(
        seen.document if isinstance(seen.document, Document) else None,
        policy=policy,
        episode=state.episode,
        wishes=state.wishes,
        now=seen.now,
        platform_now=seen.platform_now,
    )
    return Assessment(situation=_situation(seen, state, policy, sees), outlook=sees)


def _situation(seen: Observation, state: State, policy: Policy, sees: Outlook) -> Situation:
    episode, threat = state.episode, sees.threat
    layers = layers_of(seen.layers, episode, seen.now)
    past_force = _past_force(seen, state, threat)
    lease = episode.lease if episode else LeaseFacts()
    stages = hooks_due(seen.hook_stages, episode)
    gates = _gates(seen, state, policy, layers, stages)
    return Situation(
        reads=_reads(seen, state, threat),
        layers=layers,
        open=episode is not None,
        quiet_noted=bool(episode and episode.quiet_since),
        terms_noted=_terms_noted(episode, threat),
        past_force=past_force,
        gates=gates,
        uses_budget=seen.budget and (threat is None or threat.uses_budget),
        takes_rebooting=threat is None or threat.takes_rebooting,
        lease=_lease(lease, seen.now),
        phase=lease.phase,
        release_owed=lease.attempted and not _ended(lease, seen.now),
        lease_unsettled=lease.unsettled(seen.now),
        yielded=bool(episode and episode.yielded),
        cordoned_noted=bool(episode and episode.cordoned_at),
        before_deadline=_before_deadline(seen, episode, threat),
        busy=_busy(seen, threat),
        hooks_due=stages,
        hook_aborted=bool(episode and episode.hook(Stage.BEFORE_RESTORE).aborted),
        acks=acks(
            episode,
            threat if isinstance(seen.document, Document) else None,
            seen.published,
            waits_for_hook=Stage.DRAINED in stages and not past_force,
        ),
        settled=_settled(seen, episode),
        hold=HOLD in gates,
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


def _gates(
    seen: Observation, state: State, policy: Policy, layers: tuple[Layer, ...], stages: frozenset[Stage]
) -> tuple[Gate, ...]:
    closed = [HOLD] if state.wishes.hold_until and seen.now.wall < state.wishes.hold_until else []
    closed += member_gates(policy, layers, seen.layers)
    if seen.denied:
        closed.append(Gate(name="budget", hard=False, reason=seen.denied))
    if Stage.BEFORE_CORDON in stages and f"hook {Stage.BEFORE_CORDON.value}" in seen.backing_off:
        closed.append(ASKING)
    return tuple(closed)


# --- times ----------------------------------------------------------------------------------------


def _past_force(seen: Observation, state: State, threat: Threat | None) -> bool:
    """By the notices seen; blind, by those that the journal knows and nobody skipped; or an operator's."""
    episode, wishes = state.episode, state.wishes
    waits = threat is not None or (episode is not None and episode.quiet_since is None)
    if wishes.force_at is not None:
        return waits
    if threat is not None:
        force_at = threat.force_at
    else:
        force_at = episode.force_without(wishes.skips) if episode and waits else None
    return force_at is not None and force_at <= seen.platform_now


def _terms_noted(episode: Episode | None, threat: Threat | None) -> bool:
    """Whether the journal has these notices' terms as they are, and no other that could still force."""
    if episode is None or threat is None:
        return True
    present = {terms.event_id: terms for terms in threat.terms}
    forcing = {event_id for event_id, terms in episode.terms.items() if terms.force_at}
    return forcing <= present.keys() and all(episode.terms.get(i) == terms for i, terms in present.items())


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
    if isinstance(seen.document, Document) and seen.document.footing is Footing.NEW:
        settle = max(settle, SETTLE_NEW)
    return elapsed(episode.quiet_since, seen.now) >= settle


def _wake_after(seen: Observation, sees: Outlook) -> timedelta | None:
    """When the next thing happens by itself: a notice comes inside its lead, a back-off ends."""
    candidates = list(seen.backing_off.values())
    if sees.next_due_at is not None:
        candidates.append(sees.next_due_at - seen.platform_now)
    return min((max(timedelta(0), c) for c in candidates), default=None)


def _lease(lease: LeaseFacts, now: Instant) -> Lease:
    """Renewal is due at half of its life, whatever became of earlier tries to renew it."""
    if lease.phase is None or lease.term is None or lease.given_up is not None:
        return Lease.NONE
    remaining = lease.term.remaining(now)
    if remaining <= timedelta(0):
        return Lease.EXPIRED
    return Lease.DUE if remaining <= lease.term.lasts / 2 else Lease.HELD


def _ended(lease: LeaseFacts, now: Instant) -> bool:
    """Whether it has ended by itself, unanswered, and so has what a lost acquire may have taken since.

    No clock that was set can say so, only its whole life since this boot first tried to give it back.
    """
    if lease.given_up is None or lease.given_up.boot != now.boot:
        return False
    lost = tuple(window for window in (lease.trying, lease.lands) if window is not None)
    lasts = lease.term.lasts if lease.term is not None and not lost else LONGEST_LEASE
    taken = tuple(Window(since=window.since, lasts=window.lasts + lasts) for window in lost)
    return not still_open((Window(since=lease.given_up, lasts=lasts), *taken), now)


__all__ = [
    "HOOK_FAILURES",
    "HOOK_WAITS",
    "SETTLE_NEW",
    "Assessment",
    "LayerSight",
    "Observation",
    "assess",
    "was_of",
]
