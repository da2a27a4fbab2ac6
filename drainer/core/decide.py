"""The decision table: the first true row wins, and its step is what to do next.

Total and deterministic. Rows are data: docs/decision-table.md is this table, and a test holds the two
together. A row that `passes` is false while its own step backs off, so that its turn passes down; any
other row waits its back-off out. Renumbering would break the journals' readers: rows keep their names.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from drainer.core.model import Phase, Stage
from drainer.core.situation import Lease, Reads, Situation
from drainer.core.step import (
    Acknowledge,
    Acquire,
    Close,
    Cordon,
    Hook,
    Isolate,
    Note,
    Noting,
    Open,
    Publish,
    Release,
    Restore,
    Step,
    Wait,
    key_of,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row: `says` is its condition in words, as the docs print it."""

    name: str
    reads: Reads
    says: str
    when: Callable[[Situation], object]
    step: Callable[[Situation], Step]
    passes: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The row that won and its step."""

    row: str
    step: Step


def decide(situation: Situation) -> Decision:
    """The one thing to do now."""
    for row in TABLE:
        if row.reads is not situation.reads or not row.when(situation):
            continue
        step = row.step(situation)
        remaining = situation.backing_off.get(key_of(step))
        if remaining is None or isinstance(step, Wait):
            return Decision(row=row.name, step=step)
        if not row.passes:
            wait = Wait(reason=f"back-off of {key_of(step)}", wake_after=remaining)
            return Decision(row=row.name, step=wait)
    raise AssertionError("the last row of each kind is always true")


def _wait(reason: str) -> Callable[[Situation], Step]:
    return lambda s: Wait(reason=reason, wake_after=s.wake_after)


def _gate(s: Situation) -> Step:
    gate = s.hard_gate or s.soft_gate
    return Wait(reason=f"gate {gate.name}" if gate else "gate", wake_after=s.wake_after)


def _cordon(s: Situation) -> Step:
    return Cordon(layers=s.to_cordon, forced=s.past_force)


def _open(s: Situation) -> Step:
    return Open(layers=tuple(layer.name for layer in s.layers))


def _open_layers(s: Situation) -> Step:
    return Open(layers=_joining(s))


def _joining(s: Situation) -> tuple[str, ...]:
    """Layers put in by an operator although they were out, or read for the first time."""
    return tuple(
        layer.name
        for layer in s.layers
        if layer.readable and (layer.newly_in or (not layer.recorded and not layer.intended))
    )


def _returned(s: Situation) -> Step:
    return Note(what=Noting.RETURNED, layer=s.returned[0])


def _renew(s: Situation) -> Step:
    return Acquire(phase=s.phase or Phase.DRAINING, forced=s.past_force)


def _can_open(s: Situation) -> bool:
    return any(layer.readable or (s.past_force and layer.last_in) for layer in s.layers)


def _gated(s: Situation) -> bool:
    hard = s.hard_gate and (s.face_in or s.face_maybe_in or s.to_isolate)
    return bool(hard or (s.soft_gate and s.face_in and not s.past_force))


def _draining(s: Situation) -> bool:
    return s.before_deadline and not s.drained


def _needs_rebooting(s: Situation) -> bool:
    about_to = bool(s.acks_now) or s.past_force
    held = s.lease_live and s.phase is Phase.REBOOTING
    return s.uses_budget and s.takes_rebooting and about_to and not held


def _publishable(s: Situation) -> tuple[str, ...]:
    return tuple(ack.event_id for ack in s.acks if s.proven and ack.siblings and not ack.published)


def _acknowledgeable(s: Situation) -> tuple[str, ...]:
    leased = not (s.uses_budget and s.takes_rebooting) or (s.lease_live and s.phase is Phase.REBOOTING)
    ready = tuple(ack for ack in s.acks_now if not ack.siblings or ack.published_by_all)
    return tuple(ack.event_id for ack in ready) if leased else ()


def _first_free(s: Situation, steps: tuple[Step, ...]) -> Step:
    """The first of these whose own back-off is over; else the first."""
    return next((step for step in steps if key_of(step) not in s.backing_off), steps[0])


def _restore(s: Situation) -> Step:
    """The lowest layer whose own restore is not backing off; else the lowest."""
    return _first_free(s, tuple(Restore(layer=name) for name in s.to_restore))


U, T, Q = Reads.UNREADABLE, Reads.THREAT, Reads.QUIET

TABLE: tuple[Row, ...] = (
    Row(
        name="P1",
        reads=U,
        says="episode open, quiet not noted, past the journalled force, no hard gate closed, "
        "a cordoning layer was In and reads In (or is unread and its Cordon not done)",
        when=lambda s: s.open and not s.quiet_noted and s.past_force and not s.hard_gate and s.to_cordon,
        step=_cordon,
    ),
    Row(
        name="P2",
        reads=U,
        says="lease held and renewal due",
        when=lambda s: s.open and s.renewal_due,
        step=_renew,
        passes=True,
    ),
    Row(name="P3", reads=U, says="otherwise", when=lambda s: True, step=_wait("blind")),
    Row(
        name="P4",
        reads=T,
        says="no episode; any layer readable, or past force and a layer last read In",
        when=lambda s: not s.open and _can_open(s),
        step=_open,
    ),
    Row(name="P5", reads=T, says="no episode", when=lambda s: not s.open, step=_wait("blind")),
    Row(
        name="P6",
        reads=T,
        says="quiet was noted",
        when=lambda s: s.quiet_noted,
        step=lambda s: Note(what=Noting.THREAT_RETURNED),
    ),
    Row(
        name="P6a",
        reads=T,
        says="a notice joined, or its times are not as journalled",
        when=lambda s: not s.terms_noted,
        step=lambda s: Note(what=Noting.TERMS),
    ),
    Row(
        name="P7",
        reads=T,
        says="a layer reads In but was Out, or is read for the first time and not intended",
        when=_joining,
        step=_open_layers,
    ),
    Row(
        name="P8",
        reads=T,
        says="a layer reads In, intended, none of its writes unsettled",
        when=lambda s: s.returned,
        step=_returned,
    ),
    Row(
        name="P8a",
        reads=T,
        says="yielded, the drain face In, lease attempted and not expired",
        when=lambda s: s.yielded and s.face_in and s.attempted and s.lease is not Lease.EXPIRED,
        step=lambda s: Release(),
        passes=True,
    ),
    Row(
        name="P9",
        reads=T,
        says="lease renewal due, or expired while held; not yielded",
        when=lambda s: s.renewal_due and not (s.yielded and s.face_in),
        step=_renew,
        passes=True,
    ),
    Row(
        name="P10",
        reads=T,
        says="yielded and the drain face In",
        when=lambda s: s.yielded and s.face_in,
        step=_wait("yielded"),
    ),
    Row(
        name="P11",
        reads=T,
        says="drain face In or Partial (or, past force, unread, was In, its Cordon not done) or a layer "
        "still to isolate, and a hard gate closed; or drain face In or Partial, a soft gate closed, "
        "before force",
        when=_gated,
        step=_gate,
    ),
    Row(
        name="P12",
        reads=T,
        says="drain face In or Partial, budget in use, no lease, before force",
        when=lambda s: s.face_in and s.uses_budget and not s.lease_live and not s.past_force,
        step=lambda s: Acquire(phase=Phase.DRAINING),
    ),
    Row(
        name="P12a",
        reads=T,
        says="a cordoning layer to cordon, and a before-cordon hook is due",
        when=lambda s: s.to_cordon and Stage.BEFORE_CORDON in s.hooks_due,
        step=lambda s: Hook(stage=Stage.BEFORE_CORDON),
        passes=True,
    ),
    Row(
        name="P13",
        reads=T,
        says="a cordoning layer reads In; or past force is unread, was In, its Cordon not done",
        when=lambda s: s.to_cordon,
        step=_cordon,
    ),
    Row(
        name="P14",
        reads=T,
        says="cordoned-at not noted; every cordoning layer Leaving or Out, or unread and "
        "(its Cordon done or past force)",
        when=lambda s: not s.cordoned_noted and s.face_out,
        step=lambda s: Note(what=Noting.CORDONED_AT),
    ),
    Row(
        name="P14a",
        reads=T,
        says="cordoned-at noted, and a cordoned hook is due",
        when=lambda s: s.cordoned_noted and Stage.CORDONED in s.hooks_due,
        step=lambda s: Hook(stage=Stage.CORDONED),
        passes=True,
    ),
    Row(
        name="P15",
        reads=T,
        says="before the drain deadline, and Leaving, unread, in flight or unmeasured",
        when=_draining,
        step=_wait("draining"),
    ),
    Row(
        name="P16",
        reads=T,
        says="an isolating layer reads In",
        when=lambda s: s.to_isolate,
        step=lambda s: _first_free(s, tuple(Isolate(layer=name) for name in s.to_isolate)),
        passes=True,
    ),
    Row(
        name="P17",
        reads=T,
        says="a drained hook is due",
        when=lambda s: Stage.DRAINED in s.hooks_due,
        step=lambda s: Hook(stage=Stage.DRAINED),
        passes=True,
    ),
    Row(
        name="P18",
        reads=T,
        says="budget in use, about to acknowledge or past force, lease not rebooting",
        when=_needs_rebooting,
        step=lambda s: Acquire(phase=Phase.REBOOTING, forced=s.past_force),
        passes=True,
    ),
    Row(
        name="P19",
        reads=T,
        says="proven, event names siblings, not published",
        when=_publishable,
        step=lambda s: _first_free(s, tuple(Publish(event_id=i) for i in _publishable(s))),
        passes=True,
    ),
    Row(
        name="P20",
        reads=T,
        says="proven (at-drain-end: proven or not), Scheduled, unacknowledged, allowed; rebooting held "
        "where a budget is in use; published by all where siblings are named",
        when=_acknowledgeable,
        step=lambda s: _first_free(s, tuple(Acknowledge(event_id=i) for i in _acknowledgeable(s))),
    ),
    Row(name="P21", reads=T, says="otherwise", when=lambda s: True, step=_wait("notice pending")),
    Row(name="R1", reads=Q, says="no episode", when=lambda s: not s.open, step=_wait("steady")),
    Row(
        name="R2",
        reads=Q,
        says="quiet not noted",
        when=lambda s: not s.quiet_noted,
        step=lambda s: Note(what=Noting.QUIET_SINCE),
    ),
    Row(
        name="R3",
        reads=Q,
        says="a layer reads In, intended, none of its writes unsettled, nothing of it missing",
        when=lambda s: s.given_back,
        step=lambda s: Note(what=Noting.RETURNED, layer=s.given_back[0]),
    ),
    Row(
        name="R4",
        reads=Q,
        says="lease renewal due, or expired while held; an ours layer not In or unread",
        when=lambda s: s.renewal_due and (s.to_restore or s.ours_unread),
        step=_renew,
        passes=True,
    ),
    Row(
        name="R5",
        reads=Q,
        says="settling, or hold",
        when=lambda s: not s.settled or s.hold,
        step=lambda s: Wait(reason="hold" if s.hold else "settling", wake_after=s.wake_after),
    ),
    Row(
        name="R6",
        reads=Q,
        says="an ours layer reads not In, application not healthy (unless it was failing at Open)",
        when=lambda s: s.to_restore and not s.healthy,
        step=_wait("unhealthy"),
    ),
    Row(
        name="R6a",
        reads=Q,
        says="an ours layer reads not In, and the before-restore hook said abort",
        when=lambda s: s.to_restore and s.hook_aborted,
        step=_wait("aborted by hook"),
    ),
    Row(
        name="R7",
        reads=Q,
        says="an ours layer reads not In, and a before-restore hook is due",
        when=lambda s: s.to_restore and Stage.BEFORE_RESTORE in s.hooks_due,
        step=lambda s: Hook(stage=Stage.BEFORE_RESTORE),
    ),
    Row(
        name="R8",
        reads=Q,
        says="an ours layer reads not In",
        when=lambda s: s.to_restore,
        step=_restore,
    ),
    Row(
        name="R9",
        reads=Q,
        says="an ours layer unread",
        when=lambda s: s.ours_unread,
        step=_wait("blind"),
    ),
    Row(
        name="R10",
        reads=Q,
        says="a write or Acquire of ours unsettled",
        when=lambda s: s.lease_unsettled or any(layer.unsettled for layer in s.layers),
        step=_wait("unsettled"),
    ),
    Row(
        name="R10a",
        reads=Q,
        says="a restored hook is due",
        when=lambda s: Stage.RESTORED in s.hooks_due,
        step=lambda s: Hook(stage=Stage.RESTORED),
        passes=True,
    ),
    Row(
        name="R11",
        reads=Q,
        says="lease attempted and not expired",
        when=lambda s: s.attempted and s.lease is not Lease.EXPIRED,
        step=lambda s: Release(),
    ),
    Row(name="R12", reads=Q, says="otherwise", when=lambda s: True, step=lambda s: Close()),
)
