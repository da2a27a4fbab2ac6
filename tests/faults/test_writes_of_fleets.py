"""Several whole daemons write one pool, and every second write of theirs meets a fault."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from metadata_server.arm.faults import ArmFaultKind
from tests.faults.fleet import Fleet, fleet, trips
from tests.faults.writes import ADDRESS, GATEWAY_ADDRESS, STATE, Layer

SHORT = ("drop-after", "fail", "412")
"""Done without an answer, come to nothing in the end, refused as a lost race."""

EVERY = tuple(kind.value for kind in ArmFaultKind)

HONEST = {"provisioning_state": "honest", "concurrent_write": "409"}
AHEAD = {"provisioning_state": "ahead", "concurrent_write": "superseded"}
"""Nobody can see that a sibling's write still runs, and the next one takes its place."""


def lives_through(them: Fleet, kinds: Sequence[str]) -> None:
    """All leave at once, some come back at once, and leave again while the others come back."""
    refused = them.refused_beside_another()
    them.spoil(kinds)
    first, others = trips(them.members[::2]), trips(them.members[1::2])
    for each in (*first, *others):
        each.is_out()
    for each in first:
        each.over()
    for each in first:
        each.is_home()
    again = trips(them.members[::2])
    for each in others:
        each.over()
    for each in again:
        each.is_out()
        each.over()
    for each in (*others, *again):
        each.is_home()
    assert them.seen() == them.owner
    assert not them.witness.wrong
    met = them.met()
    assert all(met), "every member met its fault"
    own = sum(each.count("409") for each in met)
    assert them.refused_beside_another() - refused == own, "never a write beside another"
    assert them.always_compared(), "every write named what it was made from"
    them.mend()


def test_daemons_that_share_a_pool_live_through_spoiled_writes(tmp_path: Path) -> None:
    """Each write changes its own entry alone; the pool ends as it was, byte for byte, the sibling in it."""
    with fleet(tmp_path, ADDRESS, size=len(SHORT), **HONEST) as them:
        them.members[0].slow_down()
        lives_through(them, SHORT)


SIZE = 4
ROUNDS = tuple(
    tuple(EVERY[(start + number) % len(EVERY)] for number in range(SIZE))
    for start in range(0, len(EVERY), SIZE)
)
STANDS = {
    "addresses": (ADDRESS, HONEST),
    "addresses, states ahead": (ADDRESS, AHEAD),
    "administrative states": (STATE, HONEST),
    "gateway": (GATEWAY_ADDRESS, HONEST),
}


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("layer", "switches"), STANDS.values(), ids=STANDS)
def test_fleets_live_through_every_fault(tmp_path: Path, layer: Layer, switches: dict[str, str]) -> None:
    """The same with four daemons, of each layer that writes a list, and every kind of fault."""
    with fleet(tmp_path, layer, size=SIZE, **switches) as them:
        for kinds in ROUNDS:
            them.members[0].slow_down(*kinds)
            lives_through(them, kinds)
        print(f"{layer.name}: {them.told()}")
