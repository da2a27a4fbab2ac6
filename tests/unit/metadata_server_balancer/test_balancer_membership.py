"""Who gets a new flow, and what happens to the flows that are there."""

import json
from collections import Counter

import pytest

from metadata_server.balancer import Affinity, Balancer, BalancerConfig, Probe, UnknownMember

from .conftest import Start
from .rig import Cluster, received, sent, was_reset

pytestmark = pytest.mark.anyio

CLIENTS = tuple(f"127.0.3.{number}" for number in range(1, 31))


async def served_by(cluster: Cluster) -> dict[str, str]:
    """The member that a new flow of each client gets."""
    served = {}
    for source in CLIENTS:
        client, member, served[source] = await cluster.flow(source)
        client.close()
        member.close()
    return served


async def test_drained_member_moves_only_its_own_clients_and_gets_them_back(start: Start) -> None:
    """With source affinity a member that goes down moves its clients alone, and they return with it."""
    cluster = await start(affinity=Affinity.SOURCE)
    before = await served_by(cluster)
    assert set(before.values()) == {"vm1", "vm2", "vm3"}
    cluster.hosts["vm2"].status = 503
    await cluster.until("vm2", up=False)
    during = await served_by(cluster)
    assert {source for source in CLIENTS if during[source] != before[source]} == {
        source for source in CLIENTS if before[source] == "vm2"
    }
    assert "vm2" not in during.values()
    cluster.hosts["vm2"].status = 200
    await cluster.until("vm2", up=True)
    assert before == await served_by(cluster)


async def test_without_affinity_one_client_is_spread_over_all_members(start: Start) -> None:
    """With affinity none each connection is placed by itself."""
    cluster = await start()
    counts: Counter[str] = Counter()
    for _ in range(40):
        client, _, name = await cluster.flow()
        client.close()
        counts[name] += 1
    assert set(counts) == {"vm1", "vm2", "vm3"}


async def test_established_flow_survives_its_member_going_down(start: Start) -> None:
    """A failed probe stops new flows and leaves the established one as it is."""
    cluster = await start(affinity=Affinity.SOURCE)
    client, member, name = await cluster.flow()
    cluster.hosts[name].status = 503
    await cluster.until(name, up=False)
    _, _, other = await cluster.flow()
    assert other != name
    await sent(client, b"still here")
    assert await received(member) == b"still here"
    await sent(member, b"so am I")
    assert await received(client) == b"so am I"


async def test_established_flow_survives_its_member_leaving_the_pool(start: Start) -> None:
    """A member taken out of the pool keeps its flows, gets no new one and is not probed."""
    cluster = await start(affinity=Affinity.SOURCE)
    client, member, name = await cluster.flow()
    cluster.balancer.set_members(set(cluster.hosts) - {name})
    _, _, other = await cluster.flow()
    assert other != name
    await sent(client, b"still here")
    assert await received(member) == b"still here"
    assert cluster.seen(name)["in_pool"] is False


async def test_member_that_rejoins_is_down_until_probed(start: Start) -> None:
    """Joining the pool is not yet being up: the first answered probe is."""
    cluster = await start(affinity=Affinity.SOURCE)
    _, _, name = await cluster.flow()
    cluster.balancer.set_members(set(cluster.hosts) - {name})
    cluster.balancer.set_members(cluster.hosts)
    assert cluster.seen(name)["up"] is False
    await cluster.until(name, up=True)
    assert (await cluster.flow())[2] == name


async def test_nobody_up_refuses_with_a_reset(start: Start) -> None:
    """With every member down a new flow is reset, and the established ones go on."""
    cluster = await start()
    client, member, _ = await cluster.flow()
    for host in cluster.hosts.values():
        host.status = 500
    for name in cluster.hosts:
        await cluster.until(name, up=False)
    assert await was_reset(await cluster.client())
    assert cluster.balancer.status()["refused_flows"] == 1
    await sent(client, b"still here")
    assert await received(member) == b"still here"


async def test_dead_member_resets_the_client_and_nobody_else_is_tried(start: Start) -> None:
    """A member that refuses while its probe is well costs the client its connection."""
    cluster = await start(affinity=Affinity.SOURCE)
    client, _, name = await cluster.flow()
    client.close()
    taken = {other: len(host.connections) for other, host in cluster.hosts.items()}
    await cluster.hosts[name].refuse()
    assert await was_reset(await cluster.client())
    assert {other: len(host.connections) for other, host in cluster.hosts.items()} == taken
    await cluster.hosts[name].serve()


async def test_flows_past_the_limit_are_refused(start: Start) -> None:
    """The balancer holds no more flows than it was told."""
    cluster = await start(max_flows=2)
    await cluster.flow()
    await cluster.flow()
    assert await was_reset(await cluster.client())


async def test_members_see_the_configured_source(start: Start) -> None:
    """Flows come from the flow source and probes from the probe source."""
    cluster = await start(source="127.0.4.1", source_of_probe="127.0.4.2")
    _, member, name = await cluster.flow()
    assert member.getpeername()[0] == "127.0.4.1"
    assert cluster.hosts[name].probed_from == "127.0.4.2"


async def test_unroutable_source_costs_the_client_its_connection(start: Start) -> None:
    """A source address this host does not have ends in a reset, not in a hang."""
    cluster = await start(source="192.0.2.1")
    assert await was_reset(await cluster.client())


async def test_stop_resets_every_flow(start: Start) -> None:
    """After stop nothing listens and both ends of every flow were reset; stopping twice is stopping."""
    cluster = await start()
    client, member, _ = await cluster.flow()
    await cluster.balancer.stop()
    assert await was_reset(client)
    assert await was_reset(member)
    await cluster.balancer.stop()
    with pytest.raises(ConnectionRefusedError):
        await cluster.client()


async def test_status_is_json(start: Start) -> None:
    """The status names every member with its health, its flows and the last probe's answer."""
    cluster = await start()
    _, _, name = await cluster.flow()
    status = json.loads(json.dumps(cluster.balancer.status()))
    assert set(status["members"]) == {"vm1", "vm2", "vm3"}
    assert status["members"][name] == {
        "address": f"{cluster.hosts[name].member.host}:{cluster.hosts[name].member.port}",
        "in_pool": True,
        "admin": "none",
        "up": True,
        "silent": False,
        "new_flows": 1,
        "open_flows": 1,
        "swallowed_flows": 0,
        "last_probe": "200",
    }


async def test_unknown_member_is_named(start: Start) -> None:
    """A name that is no member is an error that names it, and the pool stays as it was."""
    cluster = await start()
    for verb in (cluster.balancer.silence, cluster.balancer.unsilence):
        with pytest.raises(UnknownMember, match="vm9"):
            verb("vm9")
    with pytest.raises(UnknownMember, match="vm9"):
        cluster.balancer.set_members(["vm1", "vm9"])
    assert cluster.seen("vm2")["in_pool"] is True


async def test_pool_may_be_set_before_the_start() -> None:
    """Membership set before start holds from the start; the address is the configured one until then."""
    balancer = Balancer(BalancerConfig(listen_host="127.0.0.1", listen_port=0, members=(), probe=Probe()))
    balancer.set_members([])
    assert balancer.address == ("127.0.0.1", 0)
