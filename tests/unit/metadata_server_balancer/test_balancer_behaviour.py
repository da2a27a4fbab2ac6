"""The balancer where nobody outside the platform knows what it does, and administrative states."""

import pytest

from metadata_server.balancer import (
    Affinity,
    Balancer,
    BalancerConfig,
    Behaviour,
    Established,
    Probe,
    Rehash,
    UnknownMember,
)
from metadata_server.balancer.affinity import choose
from metadata_server.effects import Admin

from .conftest import Start
from .rig import Cluster, eventually, is_quiet, received, send_reset, sent, was_reset

pytestmark = pytest.mark.anyio

CLIENTS = tuple(f"127.0.3.{number}" for number in range(1, 31))


def take_out(cluster: Cluster, name: str) -> None:
    cluster.balancer.set_members(set(cluster.hosts) - {name})


def is_gone(cluster: Cluster, name: str) -> bool:
    return cluster.seen(name)["open_flows"] == 0


async def test_removal_may_reset_the_members_flows(start: Start) -> None:
    """With removal set to reset both ends of the leaver's flows are reset, and nobody else's."""
    cluster = await start()
    cluster.balancer.behave(Behaviour(on_removal=Established.RESET))
    client, member, name = await cluster.flow()
    other, at_other, elsewhere = await cluster.flow()
    while elsewhere == name:
        other, at_other, elsewhere = await cluster.flow()
    take_out(cluster, name)
    assert await was_reset(client)
    assert await was_reset(member)
    await eventually(lambda: is_gone(cluster, name), "the flow is gone")
    await sent(other, b"untouched")
    assert await received(at_other) == b"untouched"


async def test_removal_may_silence_the_members_flows(start: Start) -> None:
    """With removal set to silence nothing passes and nobody hears of it, also once the member is back."""
    cluster = await start(affinity=Affinity.SOURCE)
    cluster.balancer.behave(Behaviour(on_removal=Established.SILENCE))
    client, member, name = await cluster.flow()
    take_out(cluster, name)
    cluster.balancer.set_members(cluster.hosts)
    await cluster.until(name, up=True)
    again, at_member, same = await cluster.flow()
    assert same == name
    await sent(client, b"anybody there?")
    await sent(member, b"nobody hears this")
    await sent(again, b"new flow")
    assert await received(at_member) == b"new flow"
    assert is_quiet(client)
    assert is_quiet(member)


async def test_swallowed_flow_stays_dead_when_its_host_is_back(start: Start) -> None:
    """A flow that the balancer forgot is no host's to reset."""
    cluster = await start(members=1, threshold=1)
    cluster.balancer.behave(Behaviour(on_removal=Established.SILENCE))
    client, member, name = await cluster.flow()
    cluster.balancer.silence(name)
    take_out(cluster, name)
    cluster.balancer.unsilence(name)
    cluster.balancer.set_members(cluster.hosts)
    await cluster.until(name, up=True)
    await sent(client, b"anybody there?")
    _, at_member, _ = await cluster.flow()
    await sent(at_member, b"")
    assert is_quiet(client)
    assert is_quiet(member)


@pytest.mark.parametrize("answer", ["late", "refused"])
@pytest.mark.parametrize("end", [Established.SILENCE, Established.RESET])
async def test_connect_under_way_at_removal_ends_like_the_rest(
    start: Start, end: Established, answer: str
) -> None:
    """A flow placed in the instant before the removal meets what established ones do, whoever answers yet."""
    cluster = await start(members=1)
    cluster.balancer.behave(Behaviour(on_removal=end))
    host = cluster.hosts["vm1"]
    await host.choke()
    client = await cluster.client()
    await sent(client, b"anybody there?")
    await eventually(lambda: cluster.seen("vm1")["new_flows"] == 1, "the flow is placed")
    cluster.balancer.set_members([])
    if answer == "late":
        host.recover()
    else:
        await host.refuse()
    if end is Established.RESET:
        assert await was_reset(client)
        return
    cluster.balancer.set_members(["vm1"])
    await cluster.until("vm1", up=True)
    assert is_quiet(client)
    assert cluster.seen("vm1")["swallowed_flows"] == 1


async def test_client_that_resets_a_swallowed_flow_is_forgotten(start: Start) -> None:
    """A client that gave up leaves nothing behind."""
    cluster = await start()
    cluster.balancer.behave(Behaviour(on_removal=Established.SILENCE))
    client, _, name = await cluster.flow()
    take_out(cluster, name)
    send_reset(client)
    await eventually(lambda: is_gone(cluster, name), "the flow is gone")


@pytest.mark.parametrize("first", ["close", "leave"])
async def test_client_that_closes_a_swallowed_flow_is_forgotten_in_the_end(start: Start, first: str) -> None:
    """A client that closed, before or after, is kept no longer than its kernel keeps it."""
    cluster = await start(orphaned_s=0.01)
    cluster.balancer.behave(Behaviour(on_removal=Established.SILENCE))
    client, member, name = await cluster.flow()
    if first == "close":
        client.close()
        assert await received(member) == b""
        take_out(cluster, name)
    else:
        take_out(cluster, name)
        client.close()
    await eventually(lambda: is_gone(cluster, name), "the flow is gone")


@pytest.mark.parametrize("rehash", list(Rehash))
async def test_change_of_the_pool_may_place_every_client_anew(start: Start, rehash: Rehash) -> None:
    """With rehash a leaver moves other members' clients too, and its return does not bring them back."""
    cluster = await start(affinity=Affinity.SOURCE)
    cluster.balancer.behave(Behaviour(rehash=rehash))
    before = await _placed(cluster)
    take_out(cluster, "vm2")
    during = await _placed(cluster)
    moved = {client for client in CLIENTS if before[client] != "vm2" and during[client] != before[client]}
    assert bool(moved) is (rehash is Rehash.YES)
    cluster.balancer.set_members(cluster.hosts)
    await cluster.until("vm2", up=True)
    assert (await _placed(cluster) != before) is (rehash is Rehash.YES)


async def test_the_same_pool_again_places_nobody_anew(start: Start) -> None:
    """Setting the members that are there changes nothing."""
    cluster = await start(affinity=Affinity.SOURCE)
    cluster.balancer.behave(Behaviour(rehash=Rehash.YES))
    before = await _placed(cluster)
    cluster.balancer.set_members(cluster.hosts)
    assert await _placed(cluster) == before


async def _placed(cluster: Cluster) -> dict[str, str]:
    placed = {}
    for source in CLIENTS:
        client, member, placed[source] = await cluster.flow(source)
        client.close()
        member.close()
    return placed


def test_salt_places_keys_anew() -> None:
    """Another salt gives about two thirds of the keys to other members; the same one gives the same."""
    members = ("vm1", "vm2", "vm3")
    keys = [f"10.0.{number // 250}.{number % 250}" for number in range(3000)]
    moved = [key for key in keys if choose(key, members, salt=1) != choose(key, members)]
    assert 1800 < len(moved) < 2200
    assert [choose(key, members, salt=0) for key in keys] == [choose(key, members) for key in keys]


@pytest.mark.parametrize("down", [Established.KEEP, Established.RESET])
async def test_member_set_down_takes_no_new_flows(start: Start, down: Established) -> None:
    """Down at once means no new flow, though its probe is well; its flows go on or are reset, as told."""
    cluster = await start(affinity=Affinity.SOURCE)
    cluster.balancer.behave(Behaviour(on_admin_down=down))
    client, member, name = await cluster.flow()
    cluster.balancer.set_admin({name: Admin.DOWN})
    assert (await cluster.flow())[2] != name
    assert (cluster.seen(name)["admin"], cluster.seen(name)["up"]) == ("down", True)
    if down is Established.RESET:
        assert await was_reset(client)
        assert await was_reset(member)
    else:
        await sent(client, b"still here")
        assert await received(member) == b"still here"
    cluster.balancer.set_admin({})
    assert cluster.seen(name)["admin"] == "none"
    assert (await cluster.flow())[2] == name


async def test_member_set_down_again_keeps_what_it_has(start: Start) -> None:
    """Only the change to down ends flows: saying so again does not."""
    cluster = await start(members=1)
    client, member, name = await cluster.flow()
    cluster.balancer.set_admin({name: Admin.DOWN})
    cluster.balancer.behave(Behaviour(on_admin_down=Established.RESET))
    cluster.balancer.set_admin({name: Admin.DOWN})
    await sent(client, b"still here")
    assert await received(member) == b"still here"


async def test_member_set_up_takes_flows_whatever_its_probe_says(start: Start) -> None:
    """Up overrides the probe; out of the pool it means nothing."""
    cluster = await start(members=1, threshold=1)
    cluster.hosts["vm1"].status = 503
    await cluster.until("vm1", up=False)
    cluster.balancer.set_admin({"vm1": Admin.UP})
    assert (await cluster.flow())[2] == "vm1"
    cluster.balancer.set_members([])
    assert await was_reset(await cluster.client())


@pytest.mark.parametrize("end", [Established.SILENCE, Established.RESET])
async def test_idle_flow_ends(start: Start, end: Established) -> None:
    """A flow over which nothing passed for the timeout is dropped without a word, or reset at both ends."""
    cluster = await start(members=1)
    client, member, name = await cluster.flow()
    cluster.balancer.behave(Behaviour(idle_timeout_s=0.05, on_idle=end))
    if end is Established.RESET:
        assert await was_reset(client)
        assert await was_reset(member)
        return
    await eventually(lambda: cluster.seen(name)["swallowed_flows"] == 1, "the flow is dropped")
    await sent(client, b"anybody there?")
    await sent(member, b"nobody hears this")
    _, at_member, _ = await cluster.flow()
    assert is_quiet(client)
    assert is_quiet(member)
    assert at_member is not member


async def test_flow_in_use_does_not_end(start: Start) -> None:
    """What passes either way keeps a flow, and without a timeout silence does not end it."""
    cluster = await start(members=1)
    client, member, name = await cluster.flow()
    cluster.balancer.behave(Behaviour(idle_timeout_s=1.0, on_idle=Established.RESET))
    idle, _, _ = await cluster.flow()
    while cluster.seen(name)["open_flows"] == 2:
        await sent(member, b".")
        assert await received(client) == b"."
    assert await was_reset(idle)
    cluster.balancer.behave(Behaviour())
    await sent(client, b"still here")
    assert await received(member) == b"still here"


async def test_admin_state_of_an_unknown_member_is_refused() -> None:
    """A name that is no member is an error that names it, and no state changes."""
    balancer = Balancer(BalancerConfig(listen_host="127.0.0.1", listen_port=0, members=(), probe=Probe()))
    with pytest.raises(UnknownMember, match="vm9"):
        balancer.set_admin({"vm9": Admin.DOWN})
