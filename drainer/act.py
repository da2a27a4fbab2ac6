"""Carry out one step that touches the world: one port call each, and what came of it as records.

It decides nothing and journals nothing; the reconciler does both.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import assert_never

from drainer import act_layers
from drainer.acted import PENDING_REST, Acted, done, failed, rests_at_least
from drainer.around import Feed, Ports
from drainer.core.codec import encode
from drainer.core.episode import Episode
from drainer.core.model import Abort, AckAnswer, Go, Granted, HookWait, Instant, Stage
from drainer.core.record import Finished, Intended, Outcome
from drainer.core.step import (
    Acknowledge,
    Acquire,
    Cordon,
    Hook,
    Isolate,
    Publish,
    Release,
    Restore,
    name_of,
)
from drainer.core.threat import Threat
from drainer.errors import Broken, DrainerError, Refused
from drainer.ports import HookCall

LONGEST_HOOK = timedelta(seconds=60)
PAST_FORCE_HOOK = timedelta(seconds=10)
SHORTEST_HOOK = timedelta(seconds=1)
LEASE_LANDS_FOR = timedelta(seconds=30)
"""How long an acquire whose answer was lost may still land."""

Touching = Acquire | Cordon | Isolate | Hook | Publish | Acknowledge | Restore | Release


def intent_of(step: Touching, ports: Ports) -> Intended:
    """The record that stands before the call."""
    match step:
        case Cordon(layers=layers, forced=forced, again=again):
            return Intended(
                step="cordon",
                layers={name: ports.layer(name).settles_in for name in layers},
                forced=forced,
                again=again,
                undo=tuple(ports.layer(name).undo() for name in layers),
            )
        case Isolate(layer=name) | Restore(layer=name):
            backend = ports.layer(name)
            undo = (backend.undo(),) if isinstance(step, Isolate) else ()
            return Intended(step=name_of(step), layers={name: backend.settles_in}, undo=undo)
        case Acquire(phase=phase, forced=forced):
            return Intended(step="acquire", phase=phase, forced=forced, lands_for=LEASE_LANDS_FOR)
        case Hook(stage=stage):
            return Intended(step="hook", stage=stage)
        case Publish(event_id=event_id) | Acknowledge(event_id=event_id):
            return Intended(step=name_of(step), event_id=event_id)
        case Release():
            return Intended(step="release")
        case _:
            assert_never(step)


def act(
    step: Touching, ports: Ports, episode: Episode, threat: Threat | None, *, platform_now: datetime
) -> Acted:
    """Do it. Never raises an error of ours: a failure is an outcome too."""
    match step:
        case Cordon():
            return act_layers.cordon(step, ports, episode)
        case Isolate():
            return act_layers.isolate(step, ports, episode)
        case Restore():
            return act_layers.restore(step, ports, episode)
        case Acquire():
            return _acquire(step, ports)
        case Hook():
            call = _call(step.stage, ports, episode, threat)
            return _hook(step, ports, call, _hook_time(threat, platform_now))
        case Publish(event_id=event_id):
            return _simple(step, lambda: ports.approvals.publish(event_id), event_id=event_id)
        case Acknowledge():
            return _acknowledge(step, ports)
        case Release():
            return _simple(step, lambda: ports.budget.release() if ports.budget else None)
        case _:
            assert_never(step)


def _acquire(step: Acquire, ports: Ports) -> Acted:
    if ports.budget is None:
        return failed(step, Broken("no-budget", "the policy has no budget"), phase=step.phase)
    try:
        answer = ports.budget.acquire(step.phase, forced=step.forced)
    except DrainerError as error:
        return failed(step, error, phase=step.phase)
    if isinstance(answer, Granted):
        granted = Finished(step="acquire", outcome=Outcome.DONE, phase=step.phase, until=answer.until)
        return Acted(outcomes=(granted,), granted=answer)
    denied = Finished(
        step="acquire", outcome=Outcome.DENIED, phase=step.phase, kind="denied", reason=answer.reason
    )
    return Acted(outcomes=(denied,), denied=answer)


def _acknowledge(step: Acknowledge, ports: Ports) -> Acted:
    """A refusal is final: the same request would be refused again, and the event starts by itself."""
    event_id = step.event_id
    try:
        answer = ports.feed.acknowledge(event_id)
    except Refused as error:
        refused = Finished(
            step="acknowledge",
            outcome=Outcome.REFUSED,
            event_id=event_id,
            kind=error.kind,
            reason=error.reason,
        )
        return Acted(outcomes=(refused,))
    except DrainerError as error:
        return failed(step, error, event_id=event_id)
    if answer is AckAnswer.DONE:
        return done(step, event_id=event_id)
    return Acted(outcomes=(Finished(step="acknowledge", outcome=Outcome.GONE, event_id=event_id),))


def _simple(step: Publish | Release, verb: Callable[[], None], *, event_id: str = "") -> Acted:
    try:
        verb()
    except DrainerError as error:
        return failed(step, error, event_id=event_id)
    return done(step, event_id=event_id)


# --- hooks ----------------------------------------------------------------------------------------


def _hook(step: Hook, ports: Ports, call: HookCall, timeout: timedelta) -> Acted:
    now, stage = ports.clock.now(), step.stage
    try:
        answer = ports.hooks.run(call, timeout=timeout, stopping=ports.stopping)
    except DrainerError as error:
        return _unheard(step, error)
    match answer:
        case Go():
            return done(step, stage=stage)
        case HookWait(retry_at=retry_at, reason=reason):
            waits = Finished(step="hook", outcome=Outcome.WAIT, stage=stage, kind="wait", reason=reason)
            return Acted(outcomes=(waits,), rests_for=_until(retry_at, now))
        case Abort(reason=reason):
            aborts = Finished(step="hook", outcome=Outcome.ABORT, stage=stage, kind="abort", reason=reason)
            return Acted(outcomes=(aborts,))
        case _:
            assert_never(answer)


def _unheard(step: Hook, error: DrainerError) -> Acted:
    """It failed; but where the daemon itself stopped it, that says nothing about the hook."""
    if error.kind != "hook-stopped":
        return failed(step, error, stage=step.stage)
    stopped = Finished(
        step="hook", outcome=Outcome.PENDING, stage=step.stage, kind=error.kind, reason=error.reason
    )
    return Acted(outcomes=(stopped,), rests_for=PENDING_REST)


def _call(stage: Stage, ports: Ports, episode: Episode, threat: Threat | None) -> HookCall:
    terms = threat.terms if threat else tuple(episode.terms.values())
    not_before = threat.not_before if threat else None
    return HookCall(
        stage=stage,
        episode=episode.id,
        vm=episode.vm,
        event_ids=tuple(t.event_id for t in terms),
        event_types=tuple(t.type for t in terms),
        not_before="" if not_before is None else str(encode(not_before)),
        dry_run=ports.dry_run,
    )


def _hook_time(threat: Threat | None, platform_now: datetime) -> timedelta:
    """No hook may outlast the time until force."""
    if threat is None or threat.force_at is None:
        return LONGEST_HOOK
    left = threat.force_at - platform_now
    if left <= timedelta(0):
        return PAST_FORCE_HOOK
    return min(LONGEST_HOOK, max(SHORTEST_HOOK, left))


def _until(at: Instant, now: Instant) -> timedelta:
    return max(PENDING_REST, at.wall - now.wall)


__all__ = ["Acted", "Feed", "Ports", "Touching", "act", "intent_of", "rests_at_least"]
