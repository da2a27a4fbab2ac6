"""The contract of a fleet budget, as tests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest

from drainer.clock import ManualClock
from drainer.core.episode import LONGEST_LEASE
from drainer.core.model import Denied, Granted, Phase, elapsed
from drainer.ports import Budget


@dataclass(slots=True)
class Fleet:
    """A budget of two places, and the ways to it. Override `of`, and `pass_by` where time is real."""

    clock: ManualClock

    def of(self, holder: str) -> Budget:
        raise NotImplementedError

    def pass_by(self, lasts: timedelta) -> None:
        """Let a lease that lasts so long end."""
        self.clock.advance(lasts)


class BudgetContract:
    """Subclass it and override the fixture `fleet`."""

    @pytest.fixture
    def fleet(self) -> Fleet | Iterator[Fleet]:
        raise NotImplementedError("override this fixture")

    def test_empty_partial_full(self, fleet: Fleet) -> None:
        """Two places: the first and the second ask are granted, the third is denied with a time."""
        assert isinstance(draining(fleet, "vm1"), Granted)
        assert isinstance(draining(fleet, "vm2"), Granted)
        denied = draining(fleet, "vm3")
        assert isinstance(denied, Denied)
        assert denied.reason
        assert denied.retry_at.wall > fleet.clock.now().wall

    def test_recursive(self, fleet: Fleet) -> None:
        """Asking twice uses one place."""
        draining(fleet, "vm1")
        draining(fleet, "vm1")
        assert isinstance(draining(fleet, "vm2"), Granted)

    def test_the_second_phase_keeps_the_place(self, fleet: Fleet) -> None:
        """Going from draining to rebooting uses the same place, also when the fleet is full."""
        draining(fleet, "vm1")
        draining(fleet, "vm2")
        assert isinstance(fleet.of("vm1").acquire(Phase.REBOOTING, forced=False), Granted)
        assert isinstance(draining(fleet, "vm3"), Denied)

    def test_release_frees_the_place(self, fleet: Fleet) -> None:
        """A released place goes to the next, and releasing nothing is success."""
        draining(fleet, "vm1")
        draining(fleet, "vm2")
        fleet.of("vm1").release()
        fleet.of("vm1").release()
        assert isinstance(draining(fleet, "vm3"), Granted)

    def test_an_ended_lease_frees_the_place(self, fleet: Fleet) -> None:
        """One ended lease of two, and both, are given to others."""
        fleet.of("vm1").acquire(Phase.REBOOTING, forced=False)
        short = draining(fleet, "vm2")
        assert isinstance(short, Granted)
        fleet.pass_by(elapsed(fleet.clock.now(), short.until))
        assert isinstance(draining(fleet, "vm3"), Granted)
        assert isinstance(draining(fleet, "vm4"), Denied)

    def test_ttl_expired_place_is_stolen_and_stays_stolen(self, fleet: Fleet) -> None:
        """A holder whose lease ended and went to another cannot take it from him."""
        draining(fleet, "vm1")
        last = draining(fleet, "vm2")
        assert isinstance(last, Granted)
        fleet.pass_by(elapsed(fleet.clock.now(), last.until))
        draining(fleet, "vm3")
        draining(fleet, "vm4")
        fleet.of("vm1").release()
        assert isinstance(draining(fleet, "vm5"), Denied)

    @pytest.mark.parametrize("phase", Phase)
    def test_no_lease_outlasts_the_longest(self, fleet: Fleet, phase: Phase) -> None:
        """What an acquire took whose answer was lost is waited for no longer."""
        granted = fleet.of("vm1").acquire(phase, forced=False)
        assert isinstance(granted, Granted)
        assert elapsed(fleet.clock.now(), granted.until) <= LONGEST_LEASE

    def test_forced_goes_over_the_limit_and_says_so(self, fleet: Fleet) -> None:
        """Force is granted over the limit, marked so; below the limit it is an ordinary lease."""
        assert fleet.of("vm1").acquire(Phase.DRAINING, forced=True) == unforced(fleet, "vm1")
        draining(fleet, "vm2")
        forced = fleet.of("vm3").acquire(Phase.DRAINING, forced=True)
        assert isinstance(forced, Granted)
        assert forced.forced


def draining(fleet: Fleet, holder: str) -> Granted | Denied:
    return fleet.of(holder).acquire(Phase.DRAINING, forced=False)


def unforced(fleet: Fleet, holder: str) -> Granted:
    granted = draining(fleet, holder)
    assert isinstance(granted, Granted)
    assert not granted.forced
    return granted
