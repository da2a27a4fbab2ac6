"""Seeded stories of a fleet end well, tell the same every time, and are told short where they do not.

Safety: nothing given back under threat, blind, under hold, or against an operator who took it out; nothing
acknowledged without proof, without the lease, before its siblings, or twice; nothing isolated before the
drain ended; nothing taken out under a hard gate, without a notice, or without a lease unless force is on
record; nothing but a journalled force moves anything blind. Ending: closed, every entry as its owner wants
it, no lease left; a threat that stays ends drained, removed and acknowledged; on a good day no machine
reboots while it takes work.
"""

from __future__ import annotations

import pytest

from drainer.core.model import Standing
from drainer.reconcile import Reconciler
from tests.mutants.beliefs import GatesNothing
from tests.simulate.__main__ import main, tell
from tests.simulate.shrink import shortened
from tests.simulate.walk import BEATS, Walk

SEEDS = 150
MANY_SEEDS = 1000
BLAMED_ONCE = (23079,)
"""Stories that the referee blamed wrongly: a notice was noted by a tick that died, and then moved."""


def assert_clean(seed: int) -> None:
    walk = Walk(seed=seed)
    violations = walk.run()
    assert violations == [], "\n".join((walk.setting, *walk.told))


def first_seed(reconciler: type[Reconciler]) -> int:
    return next(seed for seed in range(MANY_SEEDS) if Walk(seed=seed, reconciler=reconciler).run())


def test_stories_end_well() -> None:
    """No story of the first seeds breaks a promise."""
    for seed in range(SEEDS):
        assert_clean(seed)


@pytest.mark.parametrize("seed", BLAMED_ONCE)
def test_nobody_is_blamed_for_what_a_dying_tick_noted(seed: int) -> None:
    """What was blamed wrongly once is not blamed again."""
    assert_clean(seed)


def test_a_lease_is_given_back_whatever_the_clock_says() -> None:
    """By a clock set forward over a reboot its lease has ended; the budget's clock says otherwise."""
    assert_clean(73117)


@pytest.mark.slow
def test_many_stories_end_well() -> None:
    """Nor does any of many more."""
    for seed in range(SEEDS, MANY_SEEDS):
        assert_clean(seed)


def test_one_seed_tells_one_story() -> None:
    """Two runs of a seed tell the same."""
    for seed in range(5):
        one, other = Walk(seed=seed), Walk(seed=seed)
        one.run()
        other.run()
        assert one.told == other.told


def test_a_failing_story_is_made_short() -> None:
    """It still fails, with no more beats than before, and leaving out any one of them mends it."""
    seed = first_seed(GatesNothing)
    short = shortened(seed, reconciler=GatesNothing)
    assert short.violations
    assert len(short.beats) < BEATS
    for left_out in short.beats:
        beats = tuple(beat for beat in short.beats if beat != left_out)
        assert not Walk(seed=seed, beats=beats, reconciler=GatesNothing).run()


def test_a_failing_story_is_told_with_what_it_broke() -> None:
    """What is printed ends with the broken promise."""
    told = tell(first_seed(GatesNothing), reconciler=GatesNothing)
    assert told.violations
    assert told.lines[-1].startswith("VIOLATION vm")


def test_the_referee_sees_an_ending_that_nobody_wants() -> None:
    """A VM that is left out at the end of a quiet story is a broken promise."""
    walk = Walk(seed=0, beats=())
    walk.run()
    layer = walk.fleet.vms[0].layers[0]
    for entry in tuple(layer.balancer.entries):
        layer.balancer.take_out(entry)
        assert layer.balancer.entries[entry].standing is Standing.OUT
    walk.fleet.vms[0].referee.at_the_end()
    assert walk.violations


def test_the_command_ends_with_its_counts(capsys: pytest.CaptureFixture[str]) -> None:
    """The closing line says how many stories were told and how many promises were broken."""
    assert main(["--seeds", "2", "--seed", "7"]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("simulate: 2 seeds from 7, ")
    assert last.endswith(", 0 violations")
