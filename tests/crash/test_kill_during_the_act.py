"""Killed after a layer's verb has acted and before its outcome is in the journal: the same ending."""

from __future__ import annotations

import pytest

from drainer.core.model import Membership, Progress, Standing
from tests.crash.test_kill_at_each_write import Life, Shape, alive
from tests.world import Died, Layer


class Verbs:
    """Counts verbs on all layers; `dies_at` is the last act of its life."""

    def __init__(self, dies_at: int | None) -> None:
        self.dies_at = dies_at
        self.count = 0

    def acted(self) -> None:
        number = self.count
        self.count += 1
        if number == self.dies_at:
            raise Died(f"during verb {number}")


class MortalLayer(Layer):
    """A layer that acts, and whose answer may find nobody alive."""

    verbs: Verbs

    def cordon(self) -> Progress:
        answer = super().cordon()
        self.verbs.acted()
        return answer

    def restore(self, was: Membership) -> Progress:
        answer = super().restore(was)
        self.verbs.acted()
        return answer


def lived(dies_at: int | None, *, reboots: bool) -> tuple[Life, Verbs]:
    life, verbs = Life(Shape(two=True), alive, reboots=reboots), Verbs(dies_at)
    probe = MortalLayer("probe", life.world.clock, isolates=False)
    pool = MortalLayer("pool", life.world.clock, cordons=False)
    probe.verbs = pool.verbs = verbs
    life.world.with_ports(layers=(probe, pool))
    life.episode()
    return life, verbs


@pytest.mark.parametrize("reboots", [False, True], ids=["same boot", "new boot"])
def test_kill_during_each_verb(reboots: bool) -> None:
    """Closed and every layer In, whichever verb acted without being heard."""
    _, whole = lived(None, reboots=reboots)
    assert whole.count >= 3
    for number in range(whole.count):
        life, verbs = lived(number, reboots=reboots)
        opened, standings, acknowledged, _ = life.ending()
        assert verbs.count > number, number
        assert not opened, number
        assert set(standings) == {Standing.IN}, number  # type: ignore[call-overload]
        assert acknowledged == ["E1"], number
