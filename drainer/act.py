"""Carry out one step that touches the world: one port call each, and what came of it as records.

It decides nothing and journals nothing; the reconciler does both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from drainer.core.assess import Assessment, was_of
from drainer.core.codec import encode
from drainer.core.episode import Episode
from drainer.core.model import (
    Abort,
    AckAnswer,
    Denied,
    Document,
    Done,
    Go,
    Granted,
    HookWait,
    Instant,
    Membership,
    Progress,
    Stage,
    Unreadable,
)
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
    Step,
    key_of,
    name_of,
)
from drainer.core.threat import Threat
from drainer.errors import Broken, DrainerError, Refused, Transient
from drainer.ports import (
    Approvals,
    Backend,
    Budget,
    Clock,
    Connections,
    HealthCheck,
    HookCall,
    Hooks,
    SystemLog,
)

PENDING_REST = timedelta(milliseconds=500)
LONGEST_HOOK = timedelta(seconds=60)
SHORTEST_HOOK = timedelta(seconds=1)
LEASE_LANDS_FOR = timedelta(seconds=30)
"""How long an acquire whose answer was lost may still land."""

Touching = Acquire | Cordon | Isolate | Hook | Publish | Acknowledge | Restore | Release


class Feed(Protocol):
    """The newest document, however it got here, and the way back to the platform."""

    def latest(self) -> Document | Unreadable: ...

    def acknowledge(self, event_id: str) -> AckAnswer: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Everything outside. `budget` None: the policy has none."""

    clock: Clock
    feed: Feed
    layers: tuple[Backend, ...]
    connections: Connections
    health: HealthCheck
    hooks: Hooks
    approvals: Approvals
    system_log: SystemLog
    budget: Budget | None = None
    hook_stages: frozenset[Stage] = frozenset()
    stopping: Callable[[], bool] = lambda: False
    dry_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Acted:
    """What came of a step. `failure`: it rests as a failure; `rests_for`: it rests, and that is none."""

    outcomes: tuple[Finished, ...]
    failure: DrainerError | None = None
    rests_for: timedelta | None = None
    granted: Granted | None = None
    denied: Denied | None = None
    aborted: Abort | None = None
    dropped: tuple[str, ...] = field(default_factory=tuple)


def intent_of(step: Touching, ports: Ports) -> Intended:
    """The record that stands before the call."""
    match step:
        case Cordon(layers=layers, forced=forced):
            return Intended(
                step="cordon",
                layers={name: layer(ports, name).settles_in for name in layers},
                forced=forced,
                undo=tuple(layer(ports, name).undo() for name in layers),
            )
        case Isolate(layer=name) | Restore(layer=name):
            backend = layer(ports, name)
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


def act(step: Touching, ports: Ports, episode: Episode, assessment: Assessment) -> Acted:
    """Do it. Never raises an error of ours: a failure is an outcome too."""
    match step:
        case Cordon():
            return _cordon(step, ports)
        case Isolate(layer=name):
            return _write(step, name, layer(ports, name).isolate)
        case Restore(layer=name):
            return _restore(step, ports, episode)
        case Acquire():
            return _acquire(step, ports)
        case Hook():
            return _hook(step, ports, episode, assessment.threat)
        case Publish(event_id=event_id):
            return _simple(step, lambda: ports.approvals.publish(event_id))
        case Acknowledge():
            return _acknowledge(step, ports)
        case Release():
            return _simple(step, lambda: ports.budget.release() if ports.budget else None)


def layer(ports: Ports, name: str) -> Backend:
    """The backend of this layer. A layer that the policy no longer has is a bug of wiring."""
    for backend in ports.layers:
        if backend.name == name:
            return backend
    raise LookupError(f"no layer {name!r}")


# --- layers ---------------------------------------------------------------------------------------


def _cordon(step: Cordon, ports: Ports) -> Acted:
    """Every layer is tried, whatever became of the others: half a cordon is retried, never rolled back."""
    tried = tuple(_cordon_one(step, layer(ports, name)) for name in step.layers)
    failure = next((acted.failure for acted in tried if acted.failure), None)
    pending = next((acted.rests_for for acted in tried if acted.rests_for), None)
    outcomes = tuple(outcome for acted in tried for outcome in acted.outcomes)
    return Acted(outcomes=outcomes, failure=failure, rests_for=None if failure else pending)


def _cordon_one(step: Cordon, backend: Backend) -> Acted:
    """Where a layer only removes, its removal is its cordon."""
    return _write(step, backend.name, backend.cordon if backend.cordons else backend.isolate)


def _restore(step: Restore, ports: Ports, episode: Episode) -> Acted:
    backend = layer(ports, step.layer)
    try:
        was = _to_restore(backend, episode)
    except DrainerError as error:
        return _failed(step, error, layers=(step.layer,))
    return _write(step, step.layer, lambda: backend.restore(was))


def _to_restore(backend: Backend, episode: Episode) -> Membership:
    facts = episode.layers[backend.name]
    if facts.was is not None:
        return facts.was
    return was_of(facts, backend.membership()) or Membership(entries=())


def _write(step: Step, name: str, verb: Callable[[], Progress]) -> Acted:
    try:
        progress = verb()
    except Refused as error:
        if error.kind != "entry-gone":
            return _failed(step, error, layers=(name,))
        gone = Finished(
            step=name_of(step), outcome=Outcome.DONE, layers=(name,), kind=error.kind, reason=error.reason
        )
        return Acted(outcomes=(gone,), dropped=(name,))
    except DrainerError as error:
        return _failed(step, error, layers=(name,))
    if isinstance(progress, Done):
        return Acted(outcomes=(Finished(step=name_of(step), outcome=Outcome.DONE, layers=(name,)),))
    pending = Finished(
        step=name_of(step), outcome=Outcome.PENDING, layers=(name,), kind="pending", reason=progress.reason
    )
    return Acted(outcomes=(pending,), rests_for=PENDING_REST)


# --- everything else ------------------------------------------------------------------------------


def _acquire(step: Acquire, ports: Ports) -> Acted:
    if ports.budget is None:
        return _failed(step, Broken("no-budget", "the policy has no budget"), phase=step)
    try:
        answer = ports.budget.acquire(step.phase, forced=step.forced)
    except DrainerError as error:
        return _failed(step, error, phase=step)
    if isinstance(answer, Granted):
        done = Finished(step="acquire", outcome=Outcome.DONE, phase=step.phase, until=answer.until)
        return Acted(outcomes=(done,), granted=answer)
    denied = Finished(
        step="acquire", outcome=Outcome.DENIED, phase=step.phase, kind="denied", reason=answer.reason
    )
    return Acted(outcomes=(denied,), denied=answer)


def _hook(step: Hook, ports: Ports, episode: Episode, threat: Threat | None) -> Acted:
    call = _call(step.stage, ports, episode, threat)
    now = ports.clock.now()
    try:
        answer = ports.hooks.run(call, timeout=_hook_time(now, threat), stopping=ports.stopping)
    except DrainerError as error:
        return _failed(step, error, stage=step)
    match answer:
        case Go():
            return Acted(outcomes=(Finished(step="hook", outcome=Outcome.DONE, stage=step.stage),))
        case HookWait(retry_at=retry_at, reason=reason):
            waits = Finished(step="hook", outcome=Outcome.WAIT, stage=step.stage, kind="wait", reason=reason)
            return Acted(outcomes=(waits,), rests_for=_until(retry_at, now))
        case Abort(reason=reason):
            aborts = Finished(
                step="hook", outcome=Outcome.ABORT, stage=step.stage, kind="abort", reason=reason
            )
            return Acted(outcomes=(aborts,), aborted=answer)


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


def _hook_time(now: Instant, threat: Threat | None) -> timedelta:
    """No hook may outlast the time until force."""
    if threat is None or threat.force_at is None:
        return LONGEST_HOOK
    left = threat.force_at - now.wall
    return min(LONGEST_HOOK, max(SHORTEST_HOOK, left)) if left > timedelta(0) else LONGEST_HOOK / 6


def _until(at: Instant, now: Instant) -> timedelta:
    return max(PENDING_REST, at.wall - now.wall)


def _acknowledge(step: Acknowledge, ports: Ports) -> Acted:
    try:
        answer = ports.feed.acknowledge(step.event_id)
    except Refused as error:
        outcome = Finished(
            step="acknowledge",
            outcome=Outcome.GONE,
            event_id=step.event_id,
            kind=error.kind,
            reason=error.reason,
        )
        return Acted(outcomes=(outcome,), dropped=(step.event_id,))
    except DrainerError as error:
        return _failed(step, error, event_id=step.event_id)
    outcome = Finished(
        step="acknowledge",
        outcome=Outcome.DONE if answer is AckAnswer.DONE else Outcome.GONE,
        event_id=step.event_id,
    )
    return Acted(outcomes=(outcome,))


def _simple(step: Publish | Release, verb: Callable[[], None]) -> Acted:
    event_id = step.event_id if isinstance(step, Publish) else ""
    try:
        verb()
    except DrainerError as error:
        return _failed(step, error, event_id=event_id)
    return Acted(outcomes=(Finished(step=name_of(step), outcome=Outcome.DONE, event_id=event_id),))


def _failed(
    step: Step,
    error: DrainerError,
    *,
    layers: tuple[str, ...] = (),
    phase: Acquire | None = None,
    stage: Hook | None = None,
    event_id: str = "",
) -> Acted:
    outcome = Finished(
        step=name_of(step),
        outcome=Outcome.FAILED,
        layers=layers,
        phase=phase.phase if phase else None,
        stage=stage.stage if stage else None,
        event_id=event_id,
        kind=error.kind,
        reason=error.reason,
    )
    return Acted(outcomes=(outcome,), failure=error)


def rests_at_least(error: DrainerError) -> timedelta | None:
    """How long the other side asked us to wait, where it did."""
    return error.retry_after if isinstance(error, Transient) else None


__all__ = ["Acted", "Feed", "Ports", "Touching", "act", "intent_of", "key_of", "layer", "rests_at_least"]
