"""Fifty sidecars share one pool of addresses through Azure's SDK, drain and return, while requests fail."""

from __future__ import annotations

import pytest

from drainer.errors import Refused
from tests.wire.azure.fleet import Fleet, Sidecar, plain

SIZE, ODDS = 50, 0.15


def rounds(fleet: Fleet, count: int) -> None:
    """So many rounds; that a write changes its own entry alone is asserted at every write of them."""
    start = plain(fleet.pool())
    for number in range(count):
        if number % 20 == 0:
            fleet.rest()
        was_out: set[str] = set()
        for _ in fleet.round():
            was_out.update(each.name for each in fleet.sidecars if each.steps == ["back"])
        assert len(was_out) == fleet.size
        assert plain(fleet.pool()) == start
    print(f"{count} rounds: {fleet.asked} requests, {fleet.faults} faults, {fleet.races} lost races")


def test_no_sibling_is_lost_changed_or_resurrected() -> None:
    """No write changes a sibling's entry; after each round the pool is the one before, byte for byte."""
    fleet = Fleet(1, size=SIZE, odds=ODDS)
    rounds(fleet, 2)
    assert fleet.faults > 100
    assert fleet.races > 5


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_two_hundred_rounds() -> None:
    """The same, two hundred times."""
    rounds(Fleet(2, size=SIZE, odds=ODDS), 200)


def test_where_etags_are_ignored_nothing_is_touched() -> None:
    """A service that takes a wrong etag makes every layer refuse, and the pool stays as it was."""
    fleet = Fleet(3, size=3, odds=0, switches="if-match=ignored operation-time=250ms")
    start = plain(fleet.pool())
    for sidecar in fleet.sidecars:
        sidecar.steps = ["look", "out"]
        fleet.act(sidecar)
        with pytest.raises(Refused) as refused:
            acted_to_the_end(fleet, sidecar)
        assert refused.value.kind == "no-concurrency-control"
        assert not sidecar.layer.isolates
        assert plain(fleet.pool()) == start


def acted_to_the_end(fleet: Fleet, sidecar: Sidecar) -> None:
    for _ in range(50):
        if not sidecar.steps:
            return
        fleet.act(sidecar)
