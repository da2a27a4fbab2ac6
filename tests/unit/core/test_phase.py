"""The phase of a VM as people are shown it."""

from __future__ import annotations

import pytest

from drainer.core.episode import Episode
from drainer.core.model import Phase, Stage
from drainer.core.phase import VmPhase, phase_of, taken_out
from drainer.core.step import Acknowledge, Acquire, Close, Cordon, Hook, Isolate, Publish, Step, Wait
from tests.unit.core.given import at, episode, facts

OPEN = episode()
OUT = episode(layers={"probe": facts(), "pool": facts(intended=True)})
NOTED = episode(cordoned_at=at(-5))


@pytest.mark.parametrize(
    ("step", "known", "phase"),
    [
        (Wait(reason="blind"), OUT, VmPhase.BLIND),
        (Wait(reason="hold"), OUT, VmPhase.HELD),
        (Wait(reason="gate hold"), OPEN, VmPhase.HELD),
        (Wait(reason="yielded"), OPEN, VmPhase.YIELDED),
        (Wait(reason="steady"), None, VmPhase.STEADY),
        (None, None, VmPhase.STEADY),
        (Wait(reason="settling"), episode(quiet_since=at(-1), cordoned_at=at(-5)), VmPhase.RESTORING),
        (Wait(reason="gate budget"), OPEN, VmPhase.WAITING),
        (Cordon(layers=("pool",)), OUT, VmPhase.DRAINING),
        (None, OUT, VmPhase.DRAINING),
        (None, NOTED, VmPhase.DRAINING),
        (Wait(reason="draining"), NOTED, VmPhase.DRAINING),
        (Hook(stage=Stage.CORDONED), NOTED, VmPhase.DRAINING),
        (Acquire(phase=Phase.DRAINING), NOTED, VmPhase.DRAINING),
        (Close(), NOTED, VmPhase.DRAINING),
        (Wait(reason="notice pending"), NOTED, VmPhase.DRAINED),
        (Isolate(layer="pool"), OUT, VmPhase.DRAINED),
        (Publish(event_id="E1"), NOTED, VmPhase.DRAINED),
        (Acknowledge(event_id="E1"), NOTED, VmPhase.DRAINED),
        (Hook(stage=Stage.DRAINED), NOTED, VmPhase.DRAINED),
        (Acquire(phase=Phase.REBOOTING), NOTED, VmPhase.DRAINED),
    ],
)
def test_phases(step: Step | None, known: Episode | None, phase: VmPhase) -> None:
    """By the step where it says so, else by the episode."""
    assert phase_of(step, known) is phase


@pytest.mark.parametrize(("known", "out"), [(None, False), (OPEN, False), (NOTED, False), (OUT, True)])
def test_taken_out(known: Episode | None, out: bool) -> None:
    """By our hand, in any layer."""
    assert taken_out(known) is out
