"""Every way in which a step can end: cleanly, with a fault before or after acting, or with a late effect."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from drainer import recording
from drainer.core.fold_writes import ANSWERED
from drainer.core.model import Unreadable, later
from drainer.core.record import Body, Closed, Finished, Intended, Outcome
from drainer.core.step import (
    Acknowledge,
    Acquire,
    Close,
    Cordon,
    Hook,
    Isolate,
    Note,
    Open,
    Publish,
    Release,
    Restore,
    Step,
    Wait,
    name_of,
)
from tests.prove.model import Model, Verdict
from tests.prove.passing import crashed, put, written
from tests.prove.ticks import Tick
from tests.prove.world import NOW, Node, Setup, World

LANDS_FOR = timedelta(minutes=2)
LEASE_LASTS = timedelta(minutes=10)

Ending = tuple[str, Node]
LOST = ("before acting", "after acting")


def endings(ticked: Tick, model: Model) -> Iterator[Ending]:
    """Every way the step can end; the first is the one without a fault."""
    step, node, verdict = ticked.step, ticked.node, ticked.verdict
    match step:
        case Wait():
            yield "", node
        case Open() | Note() | Close():
            yield "", _recorded(node, verdict, model)
            if node.world.faults < model.setup.faults:
                yield "the journal refuses", Node(_rests(_faulty(node.world), verdict.key), node.state)
        case _:
            yield from _called(ticked, model)


def _recorded(node: Node, verdict: Verdict, model: Model) -> Node:
    state = model.journalled(verdict.state, (id(verdict), "recorded"), lambda: _record(verdict))
    world = _rested(node.world, verdict.key)._replace(last=("",) * len(node.world.last))
    if isinstance(verdict.step, Close):
        world = world._replace(acked=frozenset(), sibling=False, wants=_owned(world))
    return Node(world, state)


def _owned(world: World) -> tuple[str, ...]:
    """Where either was right, what an episode left is its owner's from now on."""
    pairs = zip(world.stands, world.wants, strict=True)
    return tuple(("I" if stand == "I" else "O") if want == "E" else want for stand, want in pairs)


def _record(verdict: Verdict) -> tuple[Body, ...]:
    episode, step = verdict.state.episode, verdict.step
    match step:
        case Open() if episode is None:
            opened = recording.opened(verdict.seen, verdict.assessment, policy="")
            return (replace(opened, episode="e"),)
        case Open():
            assert episode is not None
            return (recording.joined(step, verdict.seen, episode),)
        case Note():
            return (recording.noted(step, verdict.seen, verdict.assessment),)
        case _:
            return (Closed(),)


def _called(ticked: Tick, model: Model) -> Iterator[Ending]:
    node, verdict, setup = ticked.node, ticked.verdict, model.setup
    step, key = verdict.step, verdict.key
    start = node.world._replace(wants=_unknowable(ticked, setup))
    acted = _acted(step, start, setup)
    if name_of(step) in setup.fails or key in setup.fails:
        for label, world in zip(LOST, (start, acted), strict=True):
            yield f"fails {label}", _answered(_rests(world, key), verdict, Outcome.FAILED, model)
        return
    yield "done", _answered(_rested(acted, key), verdict, Outcome.DONE, model)
    if isinstance(step, Acknowledge):
        yield "gone", _answered(_rested(start, key), verdict, Outcome.GONE, model)
    if isinstance(step, Acquire) and setup.denies and start.lease != step.phase.value:
        denied = _rests(start, key)._replace(denied="denied")
        yield "denied", _answered(denied, verdict, Outcome.DENIED, model)
    if setup.answers:
        yield from _other_answers(start, acted, verdict, model)
    if start.faults >= setup.faults:
        return
    reached = dict(zip(LOST, (start, acted), strict=True))
    if setup.late and (late := _late(step, start, setup)) is not None:
        reached["and lands late"] = late
    intended = model.journalled(verdict.state, (id(verdict), "intended"), lambda: (_intent(step),))
    for label, world in reached.items():
        faulty = _rests(_faulty(world), key)
        yield f"fails {label}", _answered(faulty, verdict, Outcome.FAILED, model)
        yield f"crash {label}", crashed(Node(_faulty(world), intended))
    for outcome in (Outcome.WAIT, Outcome.ABORT) if isinstance(step, Hook) else ():
        yield outcome.value, _answered(_rests(_faulty(start), key), verdict, outcome, model)


def _other_answers(start: World, acted: World, verdict: Verdict, model: Model) -> Iterator[Ending]:
    """Answers that are nobody's fault, as often as they like."""
    match verdict.step:
        case Cordon() | Isolate() | Restore():
            yield "under way", _answered(_rests(acted, verdict.key), verdict, Outcome.PENDING, model)
            yield "untouched", _answered(_rests(start, verdict.key), verdict, Outcome.UNTOUCHED, model)
        case Acknowledge():
            yield "refused", _answered(start, verdict, Outcome.REFUSED, model)


def _unknowable(ticked: Tick, setup: Setup) -> tuple[str, ...]:
    """Past force an unread layer is taken out unseen: nobody can tell an operator's Out from ours."""
    wants = ticked.node.world.wants
    for at in places(ticked.step, setup) if isinstance(ticked.step, Cordon) else ():
        unread = isinstance(ticked.seen.layers[at].reading, Unreadable)
        if unread and wants[at] == "O":
            wants = put(wants, at, "E")
    return wants


def _acted(step: Step, world: World, setup: Setup) -> World:
    match step:
        case Cordon() | Isolate() | Restore():
            stands = world.stands
            for at in places(step, setup):
                stands = put(stands, at, written(name_of(step), stands[at], setup, at))
            return world._replace(stands=stands)
        case Acquire(phase=phase):
            return world._replace(lease=phase.value)
        case Release():
            return world._replace(lease="")
        case _:
            return world


def _late(step: Step, world: World, setup: Setup) -> World | None:
    """The write is on its way and lands at some time before its window is over."""
    match step:
        case Cordon() | Isolate() | Restore():
            touched = places(step, setup)
            if any(world.late[at] for at in touched):
                return None
            late = world.late
            for at in touched:
                late = put(late, at, name_of(step))
            return world._replace(late=late)
        case Acquire(phase=phase) if not world.late_lease:
            return world._replace(late_lease=phase.value)
    return None


def places(step: Step, setup: Setup) -> tuple[int, ...]:
    """Where the layers stand that this step touches."""
    touched = _layers(step)
    return tuple(at for at, kind in enumerate(setup.layers) if kind.name in touched)


def _layers(step: Step) -> tuple[str, ...]:
    match step:
        case Cordon(layers=names):
            return names
        case Isolate(layer=name) | Restore(layer=name):
            return (name,)
        case _:
            return ()


def _intent(step: Step) -> Intended:
    """As `drainer.act.intent_of` writes it."""
    match step:
        case Cordon(layers=names, again=again, forced=forced):
            lands = dict.fromkeys(names, LANDS_FOR)
            return Intended(step="cordon", layers=lands, forced=forced, again=again)
        case Isolate(layer=name) | Restore(layer=name):
            return Intended(step=name_of(step), layers={name: LANDS_FOR})
        case Acquire(phase=phase, forced=forced):
            return Intended(step="acquire", phase=phase, forced=forced, lands_for=LANDS_FOR)
        case Hook(stage=stage):
            return Intended(step="hook", stage=stage)
        case Publish(event_id=event_id) | Acknowledge(event_id=event_id):
            return Intended(step=name_of(step), event_id=event_id)
        case _:
            return Intended(step=name_of(step))


def _answered(world: World, verdict: Verdict, outcome: Outcome, model: Model) -> Node:
    """The intent and the answer are journalled."""
    step = verdict.step
    state = model.journalled(
        verdict.state, (id(verdict), outcome), lambda: (_intent(step), *_finished(step, outcome))
    )
    match step:
        case Acknowledge(event_id=event_id) if outcome in ANSWERED:
            world = world._replace(acked=world.acked | {event_id})
        case Acquire() if outcome is Outcome.DONE:
            world = world._replace(denied="", late_lease="")  # no older acquire undoes a newer one
    return Node(world, state)


def _finished(step: Step, outcome: Outcome) -> Iterator[Finished]:
    answer = Finished(step=name_of(step), outcome=outcome)
    match step:
        case Hook(stage=stage):
            answer = replace(answer, stage=stage)
        case Publish(event_id=event_id) | Acknowledge(event_id=event_id):
            answer = replace(answer, event_id=event_id)
        case Acquire(phase=phase):
            until = later(NOW, LEASE_LASTS) if outcome is Outcome.DONE else None
            answer = replace(answer, phase=phase, until=until)
    layers = _layers(step)
    yield from (replace(answer, layers=(name,)) for name in layers)
    if not layers:
        yield answer


def _faulty(world: World) -> World:
    return world._replace(faults=world.faults + 1)


def _rests(world: World, key: str) -> World:
    return world._replace(resting=world.resting | {key})


def _rested(world: World, key: str) -> World:
    return world._replace(resting=world.resting - {key}) if key in world.resting else world
