"""Every fault of the management API, on the writes of a whole daemon: while it takes out and gives back."""

from __future__ import annotations

from pathlib import Path

import pytest

from metadata_server.arm.faults import ArmFaultKind
from metadata_server.topology import PoolKind
from tests.faults.writes import FOLLOWED, LANDS, SHIPPED, Writing, writing, writing_a_shared_pool

Spoiled = tuple[str, str, str]
"""What the proof, the removal and the return meet."""

SHORT: tuple[Spoiled, ...] = (
    ("reset-headers", "drop", "drop"),
    ("drop-after", "drop-after", "drop-after"),
    ("fail", "malformed", "503"),
    ("409", "fail", "malformed"),
)
"""Lost before acting and after; an answer that cannot be read, a failure in the end; refused."""


def lives_through(one: Writing, spoiled: Spoiled, *, episode: int = 1) -> None:
    """The proof, the removal and the return each meet their fault; out and back all the same."""
    proof, removal, giving_back = spoiled
    one.slow_down(*spoiled)
    one.spoil(proof, times=1)
    one.spoil(removal, every=1 if proof in FOLLOWED else 2, times=1)
    event = one.announce()
    one.taken_out(episode=episode)
    assert one.hits() == [1, 1], "the proof and the removal were spoiled"
    one.stand.mend()
    one.spoil(giving_back, times=2)
    one.stand.complete(event)
    one.closed(episode=episode)
    assert one.hits() == [1 if giving_back in LANDS else 2], "the return was spoiled"
    one.stand.mend()


def own_refusals(spoiled: tuple[Spoiled, ...]) -> int:
    """Answers 409 that the faults themselves give: the second one of the mixed is one."""
    met = [kind for proof, removal, giving_back in spoiled for kind in (proof, removal, *2 * (giving_back,))]
    return met.count("409") + any(each[2] == "mixed" for each in spoiled)


def lives(root: Path, spoiled: tuple[Spoiled, ...], *, settles: str) -> None:
    with writing(root, settles=settles) as one:
        for count, each in enumerate(spoiled, start=1):
            lives_through(one, each, episode=count)
        assert one.refused_beside_another() == own_refusals(spoiled), "never two writes in flight"


def test_a_daemon_lives_through_spoiled_writes(tmp_path: Path) -> None:
    """One daemon: out, acknowledged and exactly back, whatever the proof, the removal and the return meet."""
    lives(tmp_path, SHORT, settles="2")


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_daemon_lives_through_every_fault_of_a_write(tmp_path: Path) -> None:
    """One daemon, an episode for each kind of fault, on all three writes."""
    kinds = [kind.value for kind in ArmFaultKind]
    lives(tmp_path, tuple((kind, kind, kind) for kind in kinds), settles="2")


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
    with writing(tmp_path, settles="2") as one:
        for count, kind in enumerate(LASTING):
            refused = one.refused_beside_another()
            lasts_while_it_leaves(one, kind, episode=2 * count + 1)
            lasts_while_it_returns(one, kind, episode=2 * count + 2)
            assert kind == "409" or one.refused_beside_another() == refused, "never two writes in flight"


SHARED = (("azure-admin-state", PoolKind.NIC), ("azure-ip-pool", PoolKind.IP))


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("layer", "kind"), SHARED, ids=[layer for layer, _ in SHARED])
def test_a_shared_pool_lives_through_spoiled_writes(tmp_path: Path, layer: str, kind: PoolKind) -> None:
    """Where writes replace a list in which others stand, every second one is spoiled: it ends exact."""
    with writing_a_shared_pool(tmp_path, layer, kind) as one:
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
