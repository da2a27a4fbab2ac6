"""The phase: a view of step and episode."""

from __future__ import annotations

from dataclasses import replace

import pytest

from drainer.board import Snapshot
from drainer.clock import ManualClock
from drainer.core.episode import Episode, LayerFacts
from drainer.core.model import Phase, Stage, Unreadable
from drainer.core.phase import VmPhase, phase_of, taken_out
from drainer.core.step import (
    Acknowledge,
    Acquire,
    Cordon,
    Hook,
    Isolate,
    Note,
    Noting,
    Open,
    Publish,
    Restore,
    Step,
    Wait,
)
from drainer.status import status_of
from tests.world import START, World, reboot, seconds

NOW = ManualClock(START).now()
OPEN = Episode(
    id="e", opened=NOW, vm="vm1", vm_id="", policy="", terms={}, layers={"fake": LayerFacts(was=None)}
)
OUT = replace(OPEN, layers={"fake": LayerFacts(was=None, intended=True)})
QUIET = replace(OUT, quiet_since=NOW)


@pytest.mark.parametrize(
    ("step", "episode", "phase"),
    [
        (Wait(reason="steady"), None, VmPhase.STEADY),
        (Open(layers=("fake",)), None, VmPhase.STEADY),
        (None, None, VmPhase.STEADY),
        (Wait(reason="blind"), None, VmPhase.BLIND),
        (Wait(reason="blind"), OUT, VmPhase.BLIND),
        (Wait(reason="gate hold"), OPEN, VmPhase.HELD),
        (Wait(reason="hold"), QUIET, VmPhase.HELD),
        (Wait(reason="yielded"), OPEN, VmPhase.YIELDED),
        (Wait(reason="gate keep-last"), OPEN, VmPhase.WAITING),
        (Acquire(phase=Phase.DRAINING), OPEN, VmPhase.WAITING),
        (Hook(stage=Stage.BEFORE_CORDON), OPEN, VmPhase.WAITING),
        (None, OPEN, VmPhase.WAITING),
        (Cordon(layers=("fake",)), OUT, VmPhase.DRAINING),
        (Note(what=Noting.CORDONED_AT), OUT, VmPhase.DRAINING),
        (Wait(reason="draining"), OUT, VmPhase.DRAINING),
        (Wait(reason="back-off of cordon"), OUT, VmPhase.DRAINING),
        (Wait(reason="draining"), replace(OPEN, cordoned_at=NOW), VmPhase.DRAINING),
        (None, OUT, VmPhase.DRAINING),
        (Isolate(layer="fake"), OUT, VmPhase.DRAINED),
        (Hook(stage=Stage.DRAINED), OUT, VmPhase.DRAINED),
        (Acquire(phase=Phase.REBOOTING), OUT, VmPhase.DRAINED),
        (Publish(event_id="E1"), OUT, VmPhase.DRAINED),
        (Acknowledge(event_id="E1"), OUT, VmPhase.DRAINED),
        (Wait(reason="notice pending"), OUT, VmPhase.DRAINED),
        (Wait(reason="settling"), QUIET, VmPhase.RESTORING),
        (Restore(layer="fake"), QUIET, VmPhase.RESTORING),
    ],
)
def test_a_phase_for_every_step(step: Step | None, episode: Episode | None, phase: VmPhase) -> None:
    """Each step in each kind of episode has the phase that people expect of it."""
    assert phase_of(step, episode) is phase


def test_taken_out_is_by_our_hand() -> None:
    """An application sends its clients away while we hold a layer out, not when an operator does."""
    assert [taken_out(each) for each in (None, OPEN, replace(OPEN, cordoned_at=NOW), OUT)] == [
        False,
        False,
        False,
        True,
    ]


def test_an_unread_layer_is_shown_with_its_reason() -> None:
    """A layer without a reading has the face Unreadable, its kind and reason; blind has no notices."""
    world = World()
    world.feed.events = (reboot(),)
    world.pass_time(seconds(3))
    world.balancer.readable = False
    world.feed.blind = Unreadable(kind="timeout", reason="no answer")
    status = status_of(Snapshot(tick=world.pass_time(seconds(1)), vm="vm1"))
    (layer,) = status["layers"]
    assert (layer["face"], layer["kind"], layer["was"]) == ("Unreadable", "fake-unreadable", "In")
    assert layer["reason"] == "the balancer gives no answer"
    assert status["notices"] == []
    assert status["document"]["readable"] is False
