"""Every fault of the management API, on the writes of a whole daemon: while it takes out and gives back."""

from __future__ import annotations

from pathlib import Path

import pytest

from metadata_server.arm.faults import ArmFaultKind
from tests.faults.writes import (
    ADDRESS,
    GATEWAY_ADDRESS,
    GATEWAY_INTERFACE,
    INTERFACE,
    LANDS,
    SHIPPED,
    STATE,
    Layer,
    Writing,
    writing,
)

Spoiled = tuple[str, str, str]
"""What the proof, the removal and the return meet."""

SHORT: tuple[Spoiled, ...] = (
    ("reset-headers", "drop", "drop"),
    ("drop-after", "drop-after", "drop-after"),
    ("fail", "malformed", "503"),
    ("409", "fail", "malformed"),
)
"""Lost before acting and after; an answer that cannot be read, a failure in the end; refused."""

EVERY: tuple[Spoiled, ...] = tuple((kind.value, kind.value, kind.value) for kind in ArmFaultKind)


def lives_through(one: Writing, spoiled: Spoiled, *, episode: int = 1) -> None:
    """The proof, the removal and the return each meet their fault; out and back all the same."""
    proof, removal, giving_back = spoiled
    one.slow_down(*spoiled)
    one.spoil_the_way_out(proof, removal)
    event = one.announce()
    one.taken_out(episode=episode)
    assert set(one.hits()) == {1}, "every proof and the removal were spoiled"
    one.stand.mend()
    one.spoil(giving_back, times=2)
    one.stand.complete(event)
    one.closed(episode=episode)
    assert one.hits() == [1 if giving_back in LANDS else 2], "the return was spoiled"
    one.stand.mend()


def own_refusals(layer: Layer, spoiled: tuple[Spoiled, ...]) -> int:
    """Answers 409 that the faults themselves give: the second one of the mixed is one."""
    met = [
        kind
        for proof, removal, giving_back in spoiled
        for kind in (*len(layer.proofs) * (proof,), removal, *2 * (giving_back,))
    ]
    return met.count("409") + any(each[2] == "mixed" for each in spoiled)


def lives(root: Path, spoiled: tuple[Spoiled, ...], *, layer: Layer = INTERFACE, settles: str = "2") -> None:
    with writing(root, layer, settles=settles) as one:
        for count, each in enumerate(spoiled, start=1):
            lives_through(one, each, episode=count)
        assert one.refused_beside_another() == own_refusals(layer, spoiled), "never two writes in flight"


def test_a_daemon_lives_through_spoiled_writes(tmp_path: Path) -> None:
    """One daemon: out, acknowledged and exactly back, whatever the proof, the removal and the return meet."""
    lives(tmp_path, SHORT)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_daemon_lives_through_every_fault_of_a_write(tmp_path: Path) -> None:
    """One daemon, an episode for each kind of fault, on all three writes."""
    lives(tmp_path, EVERY)


GATEWAYS = (GATEWAY_INTERFACE, GATEWAY_ADDRESS)
by_gateway = pytest.mark.parametrize("layer", GATEWAYS, ids=[each.name for each in GATEWAYS])


@by_gateway
def test_a_member_of_a_gateway_lives_through_spoiled_writes(tmp_path: Path, layer: Layer) -> None:
    """The same of an application gateway, left through the interface or by a write of the whole of it."""
    lives(tmp_path, SHORT[:2], layer=layer)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@by_gateway
def test_a_member_of_a_gateway_lives_through_every_fault(tmp_path: Path, layer: Layer) -> None:
    """The same with an episode for each kind of fault: the sibling's place and all else stay as they were."""
    lives(tmp_path, EVERY, layer=layer)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_as_shipped_a_lost_write_is_waited_for(tmp_path: Path) -> None:
    """With the two minutes that a lost write may still land: the same end."""
    lives(tmp_path, (("drop-after", "truncated", "drop-after"),), settles=SHIPPED)


def lasts_while_it_leaves(one: Writing, kind: str, *, episode: int) -> None:
    """No write succeeds until the maintenance is over: it is never acknowledged, and stays as it was."""
    acknowledged = one.stand.sidecar.events().count("acknowledge.done")
    one.spoil(kind)
    event = one.announce()
    one.until_hit(3)
    assert one.stand.sidecar.marker.exists(), "the layer above drains all the same"
    assert one.stand.sidecar.events().count("acknowledge.done") == acknowledged
    one.stand.complete(event)
    one.closed(episode=episode)
    one.stand.mend()


def lasts_while_it_returns(one: Writing, kind: str, *, episode: int) -> None:
    """No write back succeeds: it is tried again and stays owed, and is made good once the fault ends."""
    acknowledged = one.stand.sidecar.events().count("acknowledge.done")
    event = one.announce()
    one.taken_out(episode=acknowledged + 1)
    one.spoil(kind)
    one.stand.complete(event)
    one.until_hit(3)
    assert one.out()
    assert one.stand.sidecar.status()["episode"] is not None, "what was taken is owed"
    one.stand.mend()
    one.closed(episode=episode)


LASTING = ("409", "412", "429", "500", "503", "drop", "fail", "html", "reset-headers")
"""Of what comes to nothing, one of each sort."""


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_writes_that_fail_until_a_person_mends_it(tmp_path: Path) -> None:
    """Under a fault that lasts nothing is acknowledged and nothing forgotten; then it recovers."""
    with writing(tmp_path) as one:
        for count, kind in enumerate(LASTING):
            refused = one.refused_beside_another()
            lasts_while_it_leaves(one, kind, episode=2 * count + 1)
            lasts_while_it_returns(one, kind, episode=2 * count + 2)
            assert kind == "409" or one.refused_beside_another() == refused, "never two writes in flight"


SHARED = (STATE, ADDRESS)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("layer", SHARED, ids=[each.name for each in SHARED])
def test_a_shared_pool_lives_through_spoiled_writes(tmp_path: Path, layer: Layer) -> None:
    """Where writes replace a list in which others stand, every second one is spoiled: it ends exact."""
    with writing(tmp_path, layer) as one:
        for count, fault in enumerate(SHARED_FAULTS, start=1):
            refused = one.refused_beside_another()
            one.slow_down(fault)
            one.spoil(fault, every=2, times=4)
            event = one.announce()
            one.taken_out(episode=count)
            one.stand.complete(event)
            one.closed(episode=count)
            assert one.hits()[0] >= 1
            assert fault == "409" or one.refused_beside_another() == refused, "never two writes in flight"
            one.stand.mend()


SHARED_FAULTS = ("drop", "drop-after", "malformed", "reset-headers", "fail", "409", "412", "503")
