"""What a Cordon of several layers comes to: what each said, and how long the step rests."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from drainer.act_layers import cordon
from drainer.acted import PENDING_REST
from drainer.clock import ManualClock
from drainer.core.model import Done, Pending, Progress
from drainer.core.record import Outcome
from drainer.core.step import Cordon
from drainer.errors import Transient
from tests.world import Layer, World, reboot


def lost() -> Progress:
    raise Transient("lost", "no answer")


def under_way() -> Progress:
    return Pending(reason="the operation runs")


@pytest.mark.parametrize(
    ("first", "second", "outcomes", "rests_for", "fails"),
    [
        (Done, Done, (Outcome.DONE, Outcome.DONE), None, False),
        (Done, under_way, (Outcome.DONE, Outcome.PENDING), PENDING_REST, False),
        (under_way, lost, (Outcome.PENDING, Outcome.FAILED), None, True),
        (lost, Done, (Outcome.FAILED, Outcome.DONE), None, True),
    ],
)
def test_a_cordon_of_two_layers(
    first: Callable[[], Progress],
    second: Callable[[], Progress],
    outcomes: tuple[Outcome, ...],
    rests_for: timedelta | None,
    fails: bool,
) -> None:
    """Both are tried; a failure rests as one, and what is under way is asked after no sooner than it may."""
    clock = ManualClock()
    layers = (Layer("probe", clock), Layer("pool", clock))
    world = World(layers=layers)
    world.feed.events = (reboot(),)
    world.tick()
    for layer, verb in zip(layers, (first, second), strict=True):
        layer.cordon = verb  # type: ignore[method-assign]
    acted = cordon(Cordon(layers=("probe", "pool")), world.ports, world.episode)
    assert tuple(outcome.outcome for outcome in acted.outcomes) == outcomes
    assert acted.rests_for == rests_for
    assert (acted.failure is not None) is fails
