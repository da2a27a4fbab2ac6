"""Each row of the table in a situation of its own, with the exact step that it leads to."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from drainer.core.decide import Decision, decide
from drainer.core.model import Face, Phase, Stage
from drainer.core.row import always, first_free, wait
from drainer.core.situation import Ack, Gate, Layer, Lease, Reads, Situation
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
    name_of,
)
from tests.unit.core.given import seconds

SOON = seconds(5)
IN = Layer(name="a", cordons=True, isolates=False, face=Face.IN, reads_in=True)
OUT = Layer(name="a", cordons=True, isolates=False, face=Face.OUT, missing=True, intended=True, done=True)
UNREAD = replace(IN, face=Face.UNREADABLE, reads_in=False)
POOL = Layer(name="p", cordons=False, isolates=True, face=Face.IN, to_isolate=True, intended=True)
POOL_OUT = replace(POOL, face=Face.OUT, to_isolate=False, missing=True)
HARD, SOFT = Gate(name="hold", hard=True), Gate(name="budget", hard=False)
ACK, SIBLING = Ack(event_id="E1"), Ack(event_id="E1", siblings=True)
ALL_STAGES = frozenset(Stage)

BLIND, PENDING = (Wait(reason=reason, wake_after=SOON) for reason in ("blind", "notice pending"))


def blind(**facts: Any) -> Situation:
    return Situation(reads=Reads.UNREADABLE, open=True, wake_after=SOON, **facts)


def threat(**facts: Any) -> Situation:
    return Situation(**{"reads": Reads.THREAT, "open": True, "wake_after": SOON, "layers": (IN,), **facts})


def drained(**facts: Any) -> Situation:
    given = {"layers": (OUT, POOL_OUT), "busy": False, "cordoned_noted": True}
    return threat(**{**given, **facts})


def quiet(**facts: Any) -> Situation:
    given = {"open": True, "quiet_noted": True, "settled": True, "wake_after": SOON, "layers": (OUT,)}
    return Situation(**{"reads": Reads.QUIET, **given, **facts})


def given_back(**facts: Any) -> Situation:
    return quiet(layers=(), **facts)


LEASED = {"uses_budget": True, "lease": Lease.HELD, "phase": Phase.REBOOTING}
DUE = {"lease": Lease.DUE, "phase": Phase.DRAINING}


@pytest.mark.parametrize(
    ("row", "situation", "step"),
    [
        ("P1", blind(layers=(IN,), past_force=True), Cordon(layers=("a",))),
        ("P1", blind(layers=(IN,), past_force=True, gates=(SOFT,)), Cordon(layers=("a",), forced=True)),
        ("P3", blind(layers=(IN,), past_force=False), BLIND),
        ("P3", blind(layers=(IN,), past_force=True, quiet_noted=True), BLIND),
        ("P3", blind(layers=(IN,), past_force=True, gates=(HARD,)), BLIND),
        ("P3", blind(layers=(IN,), past_force=True, yielded=True), BLIND),
        (
            "P3",
            replace(blind(layers=(IN,), past_force=True), open=False),
            BLIND,
        ),
        ("P3", blind(layers=(OUT,), past_force=True), BLIND),
        ("P2", blind(**DUE), Acquire(phase=Phase.DRAINING)),
        ("P2", blind(**DUE, past_force=True), Acquire(phase=Phase.DRAINING, forced=True)),
        ("P4", threat(open=False, layers=(IN, POOL)), Open(layers=("a", "p"))),
        (
            "P4",
            threat(open=False, layers=(replace(UNREAD, last_in=True),), past_force=True),
            Open(layers=("a",)),
        ),
        (
            "P5",
            threat(open=False, layers=(replace(UNREAD, last_in=True),)),
            BLIND,
        ),
        ("P5", threat(open=False, layers=(UNREAD,), past_force=True), BLIND),
        ("P6", threat(quiet_noted=True), Note(what=Noting.THREAT_RETURNED)),
        ("P6a", threat(terms_noted=False), Note(what=Noting.TERMS)),
        ("P7", threat(layers=(replace(IN, newly_in=True),)), Open(layers=("a",))),
        ("P8", threat(layers=(replace(IN, intended=True),)), Note(what=Noting.RETURNED, layer="a")),
        ("P8a", threat(yielded=True, release_owed=True), Release()),
        ("P9", threat(**DUE), Acquire(phase=Phase.DRAINING)),
        ("P10", threat(yielded=True, **DUE), Wait(reason="yielded", wake_after=SOON)),
        ("P11", threat(gates=(SOFT, HARD)), Wait(reason="gate hold", wake_after=SOON)),
        ("P11", threat(gates=(SOFT,)), Wait(reason="gate budget", wake_after=SOON)),
        (
            "P11",
            threat(gates=(HARD,), layers=(UNREAD,), past_force=True),
            Wait(reason="gate hold", wake_after=SOON),
        ),
        ("P11", threat(gates=(HARD,), layers=(OUT, POOL)), Wait(reason="gate hold", wake_after=SOON)),
        ("P12", threat(uses_budget=True), Acquire(phase=Phase.DRAINING)),
        ("P12a", threat(hooks_due=ALL_STAGES), Hook(stage=Stage.BEFORE_CORDON)),
        ("P13", threat(), Cordon(layers=("a",))),
        ("P13", threat(gates=(SOFT,), past_force=True), Cordon(layers=("a",), forced=True)),
        ("P13", threat(uses_budget=True, past_force=True), Cordon(layers=("a",), forced=True)),
        ("P14", drained(cordoned_noted=False, gates=(SOFT,)), Note(what=Noting.CORDONED_AT)),
        ("P14", drained(cordoned_noted=False, gates=(HARD,)), Note(what=Noting.CORDONED_AT)),
        ("P14a", drained(hooks_due=ALL_STAGES), Hook(stage=Stage.CORDONED)),
        ("P14b", drained(layers=(replace(OUT, under_way=True),)), Cordon(layers=("a",), again=True)),
        ("P15", drained(busy=True), Wait(reason="draining", wake_after=SOON)),
        ("P16", drained(layers=(OUT, POOL, replace(POOL, name="q"))), Isolate(layer="p")),
        (
            "P16",
            drained(layers=(OUT, POOL, replace(POOL, name="q")), backing_off={"isolate p": SOON}),
            Isolate(layer="q"),
        ),
        ("P17", drained(hooks_due=frozenset({Stage.DRAINED})), Hook(stage=Stage.DRAINED)),
        ("P18", drained(uses_budget=True, acks=(ACK,)), Acquire(phase=Phase.REBOOTING)),
        ("P18", drained(uses_budget=True, past_force=True), Acquire(phase=Phase.REBOOTING, forced=True)),
        ("P19", drained(acks=(ACK, SIBLING)), Publish(event_id="E1")),
        (
            "P19",
            drained(acks=(SIBLING, replace(SIBLING, event_id="E2")), backing_off={"publish E1": SOON}),
            Publish(event_id="E2"),
        ),
        ("P20", drained(acks=(ACK,)), Acknowledge(event_id="E1")),
        ("P20", drained(acks=(ACK,), **LEASED), Acknowledge(event_id="E1")),
        ("P20", drained(acks=(ACK,), uses_budget=True, takes_rebooting=False), Acknowledge(event_id="E1")),
        (
            "P20",
            drained(acks=(replace(SIBLING, published=True, published_by_all=True),)),
            Acknowledge(event_id="E1"),
        ),
        (
            "P20",
            drained(acks=(ACK, replace(ACK, event_id="E2")), backing_off={"acknowledge E1": SOON}),
            Acknowledge(event_id="E2"),
        ),
        (
            "P20",
            drained(busy=True, before_deadline=False, acks=(replace(ACK, unproven=True),)),
            Acknowledge(event_id="E1"),
        ),
        (
            "P21",
            drained(acks=(replace(SIBLING, published=True),)),
            PENDING,
        ),
        ("P21", drained(uses_budget=True), PENDING),
        (
            "P21",
            drained(busy=True, before_deadline=False, acks=(ACK, SIBLING)),
            PENDING,
        ),
        (
            "P21",
            drained(uses_budget=True, acks=(ACK,), backing_off={"acquire": SOON}),
            PENDING,
        ),
        ("R1", quiet(open=False), Wait(reason="steady", wake_after=SOON)),
        ("R2", quiet(quiet_noted=False), Note(what=Noting.QUIET_SINCE)),
        ("R3", quiet(layers=(replace(IN, intended=True),)), Note(what=Noting.RETURNED, layer="a")),
        ("R4", quiet(**DUE), Acquire(phase=Phase.DRAINING)),
        ("R5", quiet(settled=False), Wait(reason="settling", wake_after=SOON)),
        ("R5", quiet(hold=True), Wait(reason="hold", wake_after=SOON)),
        ("R6", quiet(healthy=False), Wait(reason="unhealthy", wake_after=SOON)),
        ("R6a", quiet(hook_aborted=True), Wait(reason="aborted by hook", wake_after=SOON)),
        ("R7", quiet(hooks_due=ALL_STAGES), Hook(stage=Stage.BEFORE_RESTORE)),
        ("R8", quiet(layers=(OUT, POOL_OUT)), Restore(layer="p")),
        ("R8", quiet(layers=(OUT, POOL_OUT), backing_off={"restore p": SOON}), Restore(layer="a")),
        ("R9", quiet(layers=(replace(UNREAD, intended=True),)), BLIND),
        ("R10", given_back(lease_unsettled=True), Wait(reason="unsettled", wake_after=SOON)),
        ("R10a", given_back(hooks_due=ALL_STAGES), Hook(stage=Stage.RESTORED)),
        ("R11", given_back(release_owed=True), Release()),
        (
            "R11a",
            given_back(hooks_due=ALL_STAGES, backing_off={"hook restored": SOON}),
            Wait(reason="restored hook", wake_after=SOON),
        ),
        ("R12", given_back(), Close()),
    ],
)
def test_rows(row: str, situation: Situation, step: Step) -> None:
    """The row that wins here, and what it says to do."""
    assert decide(situation) == Decision(row=row, step=step)


def test_a_row_that_does_not_pass_waits_its_back_off_out() -> None:
    """It says for whom, and until when."""
    resting = quiet(backing_off={"restore a": seconds(9)})
    waits = Wait(reason="back-off of restore a", wake_after=seconds(9))
    assert decide(resting) == Decision(row="R8", step=waits)


@pytest.mark.parametrize(
    ("step", "key", "name"),
    [
        (Restore(layer="a"), "restore a", "restore"),
        (Isolate(layer="a"), "isolate a", "isolate"),
        (Hook(stage=Stage.DRAINED), "hook drained", "hook"),
        (Publish(event_id="E1"), "publish E1", "publish"),
        (Acknowledge(event_id="E1"), "acknowledge E1", "acknowledge"),
        (Cordon(layers=("a",)), "cordon", "cordon"),
        (Close(), "close", "close"),
    ],
)
def test_what_a_step_backs_off_by(step: Step, key: str, name: str) -> None:
    """Its kind, and whom it concerns where others must not wait for it."""
    assert (key_of(step), name_of(step)) == (key, name)


def test_steps_that_rows_share() -> None:
    """A wait says why and when it ends by itself; where every step backs off, the first is the one."""
    assert wait("x")(quiet()) == Wait(reason="x", wake_after=SOON)
    assert always(quiet()) is True
    both: tuple[Step, ...] = (Restore(layer="b"), Restore(layer="a"))
    assert first_free(quiet(), both) == both[0]
    assert first_free(quiet(backing_off={"restore b": SOON}), both) == both[1]
    assert first_free(quiet(backing_off={"restore a": SOON, "restore b": SOON}), both) == both[0]
    assert first_free(quiet(backing_off={"restore b": SOON}), both[:1]) == both[0]
