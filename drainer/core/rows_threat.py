"""The rows under threat: open, take out, prove the drain, acknowledge, wait for the end of it."""

from __future__ import annotations

from drainer.core.model import Phase, Stage
from drainer.core.row import Row, always, ask_after, cordon, first_free, renew, wait
from drainer.core.situation import Reads, Situation
from drainer.core.step import (
    Acknowledge,
    Acquire,
    Hook,
    Isolate,
    Note,
    Noting,
    Open,
    Publish,
    Release,
    Step,
    Wait,
)


def _open(s: Situation) -> Step:
    return Open(layers=tuple(layer.name for layer in s.layers))


def _can_open(s: Situation) -> bool:
    return any(layer.readable or (s.past_force and layer.last_in) for layer in s.layers)


def _gated(s: Situation) -> bool:
    hard = s.hard_gate and (s.face_in or s.face_maybe_in or s.to_isolate)
    return bool(hard or (s.soft_gate and s.face_in and not s.past_force))


def _gate(s: Situation) -> Step:
    closed = s.hard_gate or s.soft_gate
    return Wait(reason=f"gate {closed.name}" if closed else "gate", wake_after=s.wake_after)


def _isolate(s: Situation) -> Step:
    return first_free(s, tuple(Isolate(layer=name) for name in s.to_isolate))


def _needs_rebooting(s: Situation) -> bool:
    return s.rebooting_wanted and not s.rebooting and (bool(s.acks_now) or s.past_force)


def _publishable(s: Situation) -> tuple[str, ...]:
    return tuple(ack.event_id for ack in s.acks if s.proven and ack.siblings and not ack.published)


def _publish(s: Situation) -> Step:
    return first_free(s, tuple(Publish(event_id=event_id) for event_id in _publishable(s)))


def _acknowledgeable(s: Situation) -> tuple[str, ...]:
    if s.rebooting_wanted and not s.rebooting:
        return ()
    return tuple(ack.event_id for ack in s.acks_now if not ack.siblings or ack.published_by_all)


def _acknowledge(s: Situation) -> Step:
    return first_free(s, tuple(Acknowledge(event_id=event_id) for event_id in _acknowledgeable(s)))


THREAT: tuple[Row, ...] = (
    Row(
        name="P4",
        reads=Reads.THREAT,
        says="no episode; any layer readable, or past force and a layer last read In",
        does="Open(was per layer)",
        when=lambda s: not s.open and _can_open(s),
        step=_open,
    ),
    Row(
        name="P5",
        reads=Reads.THREAT,
        says="no episode",
        does='Wait "blind"',
        when=lambda s: not s.open,
        step=wait("blind"),
    ),
    Row(
        name="P6",
        reads=Reads.THREAT,
        says="quiet was noted",
        does="Note threat-returned",
        when=lambda s: s.quiet_noted,
        step=lambda s: Note(what=Noting.THREAT_RETURNED),
    ),
    Row(
        name="P6a",
        reads=Reads.THREAT,
        says="a notice joined or left, or its terms are not as journalled",
        does="Note terms",
        when=lambda s: not s.terms_noted,
        step=lambda s: Note(what=Noting.TERMS),
    ),
    Row(
        name="P7",
        reads=Reads.THREAT,
        says="a layer reads In but was Out; or, not intended, is read for the first time or misses what was "
        "In",
        does="Open(was of that layer), same episode",
        when=lambda s: s.joining,
        step=lambda s: Open(layers=s.joining),
    ),
    Row(
        name="P8",
        reads=Reads.THREAT,
        says="a layer reads In, intended, none of its writes unsettled",
        does="Note returned(layer)",
        when=lambda s: s.returned,
        step=lambda s: Note(what=Noting.RETURNED, layer=s.returned[0]),
    ),
    Row(
        name="P8a",
        reads=Reads.THREAT,
        says="yielded and the drain face In; a lease of ours may stand, no acquire unsettled",
        does="Release",
        when=lambda s: s.resting_in and s.release_owed and not s.lease_unsettled,
        step=lambda s: Release(),
        passes=True,
    ),
    Row(
        name="P9",
        reads=Reads.THREAT,
        says="lease renewal due, or expired while held; not (yielded and the drain face In)",
        does="Acquire(same phase)",
        when=lambda s: s.renewal_due and not s.resting_in,
        step=renew,
        passes=True,
    ),
    Row(
        name="P10",
        reads=Reads.THREAT,
        says="yielded and the drain face In",
        does='Wait "yielded"',
        when=lambda s: s.resting_in,
        step=wait("yielded"),
    ),
    Row(
        name="P11",
        reads=Reads.THREAT,
        says="drain face In or Partial (or, past force, unread, was In, its Cordon not done) or a layer "
        "still to isolate, and a hard gate closed; or drain face In or Partial, a soft gate closed, "
        "before force",
        does="Wait(gate)",
        when=_gated,
        step=_gate,
    ),
    Row(
        name="P12",
        reads=Reads.THREAT,
        says="drain face In or Partial, budget in use, no lease, before force",
        does="Acquire(draining)",
        when=lambda s: s.face_in and s.uses_budget and not s.lease_live and not s.past_force,
        step=lambda s: Acquire(phase=Phase.DRAINING),
    ),
    Row(
        name="P12a",
        reads=Reads.THREAT,
        says="a layer to cordon as in P13, and a before-cordon hook is due",
        does="Hook(before-cordon)",
        when=lambda s: s.to_cordon and Stage.BEFORE_CORDON in s.hooks_due,
        step=lambda s: Hook(stage=Stage.BEFORE_CORDON),
        passes=True,
    ),
    Row(
        name="P13",
        reads=Reads.THREAT,
        says="a cordoning layer reads In; or past force is unread, was In, its Cordon not done",
        does="Cordon those layers",
        when=lambda s: s.to_cordon,
        step=cordon,
    ),
    Row(
        name="P14",
        reads=Reads.THREAT,
        says="cordoned-at not noted; every cordoning layer Leaving or Out, or unread and "
        "(its Cordon done or past force)",
        does="Note cordoned-at",
        when=lambda s: not s.cordoned_noted and s.face_out,
        step=lambda s: Note(what=Noting.CORDONED_AT),
    ),
    Row(
        name="P14a",
        reads=Reads.THREAT,
        says="cordoned-at noted, and a cordoned hook is due",
        does="Hook(cordoned)",
        when=lambda s: s.cordoned_noted and Stage.CORDONED in s.hooks_due,
        step=lambda s: Hook(stage=Stage.CORDONED),
        passes=True,
    ),
    Row(
        name="P14b",
        reads=Reads.THREAT,
        says="a cordoning layer Leaving or Out, its Cordon answered under way and not since; no gate closed, "
        "and the lease live where a budget is in use",
        does="Cordon those layers again",
        when=lambda s: s.to_ask_after,
        step=ask_after,
        passes=True,
    ),
    Row(
        name="P15",
        reads=Reads.THREAT,
        says="before the drain deadline, and Leaving, unread, in flight or unmeasured",
        does='Wait "draining"',
        when=lambda s: s.before_deadline and not s.drained,
        step=wait("draining"),
    ),
    Row(
        name="P16",
        reads=Reads.THREAT,
        says="an isolating layer reads In, and nobody was yielded to",
        does="Isolate that layer",
        when=lambda s: s.to_isolate and not s.yielded,
        step=_isolate,
        passes=True,
    ),
    Row(
        name="P17",
        reads=Reads.THREAT,
        says="a drained hook is due",
        does="Hook(drained)",
        when=lambda s: Stage.DRAINED in s.hooks_due,
        step=lambda s: Hook(stage=Stage.DRAINED),
        passes=True,
    ),
    Row(
        name="P18",
        reads=Reads.THREAT,
        says="budget in use, about to acknowledge or past force, lease not rebooting "
        "(Preempt, Terminate and an operator's drain never take it)",
        does="Acquire(rebooting)",
        when=_needs_rebooting,
        step=lambda s: Acquire(phase=Phase.REBOOTING, forced=s.past_force),
        passes=True,
    ),
    Row(
        name="P19",
        reads=Reads.THREAT,
        says="proven, event names siblings, not published",
        does="Publish(event)",
        when=_publishable,
        step=_publish,
        passes=True,
    ),
    Row(
        name="P20",
        reads=Reads.THREAT,
        says="proven (at-drain-end: proven or not), Scheduled, unacknowledged, allowed; rebooting held "
        "where a budget is in use; published by all where siblings are named",
        does="Acknowledge(event)",
        when=_acknowledgeable,
        step=_acknowledge,
    ),
    Row(
        name="P21",
        reads=Reads.THREAT,
        says="otherwise",
        does='Wait "notice pending"',
        when=always,
        step=wait("notice pending"),
    ),
)
