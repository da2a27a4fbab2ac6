"""What may say "not yet": gates before a cordon, hooks that are due, the conditions of an acknowledgement."""

from __future__ import annotations

from collections.abc import Mapping

from drainer.core.episode import Episode, HookFacts
from drainer.core.layers import LayerSight
from drainer.core.model import Stage
from drainer.core.policy import Acknowledge, Policy
from drainer.core.record import Terms
from drainer.core.situation import Ack, Gate, Layer, drain_face
from drainer.core.threat import Threat
from drainer.core.wish import OPERATOR_ID

HOOK_FAILURES = 3
"""Failures of a stage's hooks after which the episode goes on without them, alarmed."""

HOOK_WAITS = 10
"""Answers "wait" of a stage's hooks that are honoured."""

HOLD = Gate(name="hold", hard=True, reason="an operator said hold")
ASKING = Gate(name="hook", hard=False, reason="the before-cordon hook has not said go")


def member_gates(
    policy: Policy, layers: tuple[Layer, ...], sights: tuple[LayerSight, ...]
) -> tuple[Gate, ...]:
    """Gates that count the other members. Judged only while this VM takes work: a cordon is not undone."""
    others = min((sight.others for sight in sights if sight.others is not None), default=None)
    if others is None or not any(layer.reads_in or layer.maybe_in for layer in drain_face(layers)):
        return ()
    keep_last = Gate(name="keep-last", hard=True, reason="no other member is in service")
    too_few = Gate(name="min-in-service", hard=False, reason=f"{others} others in service")
    closed = []
    if policy.keep_last and others == 0:
        closed.append(keep_last)
    if others < policy.min_in_service:
        closed.append(too_few)
    return tuple(closed)


def hooks_due(stages: frozenset[Stage], episode: Episode | None) -> frozenset[Stage]:
    """Stages that have hooks which have not had their say."""
    if episode is None:
        return frozenset()
    due = frozenset(stage for stage in stages if _due(episode.hook(stage)))
    return due if episode.taken else due - {Stage.RESTORED}


def _due(facts: HookFacts) -> bool:
    spent = facts.failures >= HOOK_FAILURES or facts.waits > HOOK_WAITS
    return not (facts.done or facts.aborted or spent)


def acks(
    episode: Episode | None,
    threat: Threat | None,
    published: Mapping[str, frozenset[str]],
    *,
    waits_for_hook: bool,
) -> tuple[Ack, ...]:
    """Events of this threat that may be acknowledged, were the drain proven."""
    if episode is None or threat is None or waits_for_hook or episode.hook(Stage.DRAINED).aborted:
        return ()
    return tuple(_ack(terms, episode, published) for terms in threat.terms if _may(terms, episode))


def _may(terms: Terms, episode: Episode) -> bool:
    return (
        terms.event_id != OPERATOR_ID
        and terms.acknowledge is not Acknowledge.NEVER
        and not terms.started
        and terms.event_id not in episode.acknowledged
    )


def _ack(terms: Terms, episode: Episode, published: Mapping[str, frozenset[str]]) -> Ack:
    siblings = bool(terms.siblings)
    drained = {name.casefold() for name in published.get(terms.event_id, frozenset())}
    return Ack(
        event_id=terms.event_id,
        unproven=terms.acknowledge is Acknowledge.AT_DRAIN_END and not siblings,
        siblings=siblings,
        published=terms.event_id in episode.published,
        published_by_all=all(name.casefold() in drained for name in terms.siblings),
    )
