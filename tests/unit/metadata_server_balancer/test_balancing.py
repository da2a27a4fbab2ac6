"""The balancers of a topology between the scenario and the management API's resources."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from metadata_server.balancing import Balancing
from metadata_server.clock import ManualClock
from metadata_server.commands import Join, Leave, SetSwitch
from metadata_server.effects import Admin, Effects
from metadata_server.switches import Switches
from metadata_server.timeline import begin
from metadata_server.topology import Address, Affinity, Listener, Member, Pool, Probe, Protocol, Topology, Vm
from metadata_server.world import World, scenario_for

from .conftest import Start
from .rig import Cluster, eventually, received, sent, was_reset

pytestmark = pytest.mark.anyio

NOON = datetime(2030, 1, 31, 12, 0, 0, tzinfo=UTC)
ANYWHERE = Address(host="127.0.0.1", port=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A world, and the balancing that follows it as the emulator has it do."""

    world: World
    balancing: Balancing

    def switch(self, name: str, value: str) -> None:
        self.world.give(SetSwitch(at=NOON, name=name, value=value))

    def effects(self, **pools: dict[str, Admin]) -> None:
        self.balancing.follow_effects(Effects(pools=pools))

    def members(self, pool: str = "web") -> dict[str, str]:
        """Who is in the pool, with its administrative state."""
        members = self.seen(pool)["members"]
        return {name: member["admin"] for name, member in members.items() if member["in_pool"]}

    def seen(self, pool: str = "web") -> dict[str, Any]:
        [status] = [status for status in self.balancing.status() if status["pool"] == pool]
        return status


@asynccontextmanager
async def staged(cluster: Cluster) -> AsyncIterator[Stage]:
    """Two pools over the cluster's hosts; the cluster's own balancer is replaced by that of pool `web`."""
    hosts = cluster.hosts.values()
    [probed] = {host.probe_port for host in hosts}
    pool = Pool(
        name="web",
        members=tuple(
            Member(vm=host.member.name, address=Address(host=host.member.host, port=host.member.port))
            for host in hosts
        ),
        probe=Probe(protocol=Protocol.HTTP, path="/ready", port=probed, interval=timedelta(seconds=2)),
    )
    topology = Topology(
        vms=tuple(Vm(name=host.member.name, address=ANYWHERE) for host in hosts),
        pools=(pool, replace(pool, name="api")),
        balancers=(
            Listener(listen=ANYWHERE, pool="web", affinity=Affinity.SOURCE),
            Listener(listen=ANYWHERE, pool="api"),
        ),
    )
    scenario = scenario_for(topology, started_at=NOON, switches=Switches())
    world = World(topology=topology, clock=ManualClock(NOON), scenario=scenario)
    balancing = Balancing(topology)
    await balancing.start()
    try:
        balancing.follow(world.timeline())
        world.follower = balancing.follow
        await cluster.balancer.stop()
        cluster.balancer = balancing._balancers[0][1]
        yield Stage(world=world, balancing=balancing)
    finally:
        await balancing.stop()


async def test_member_is_in_if_both_have_it(start: Start) -> None:
    """Scenario and resources each can keep a member out; neither can put in whom the other has out."""
    async with staged(await start(wait_up=False)) as stage:
        assert stage.members() == dict.fromkeys(("vm1", "vm2", "vm3"), "none")
        stage.effects(web={"vm1": Admin.NONE, "vm2": Admin.UP})
        assert stage.members() == {"vm1": "none", "vm2": "up"}
        stage.world.give(Leave(at=NOON, pool="web", vm="vm1"))
        assert stage.members() == {"vm2": "up"}
        stage.effects(web={"vm1": Admin.DOWN, "vm2": Admin.NONE, "vm3": Admin.NONE})
        assert stage.members() == {"vm2": "none", "vm3": "none"}
        stage.world.give(Join(at=NOON, pool="web", vm="vm1"))
        assert stage.members() == {"vm1": "down", "vm2": "none", "vm3": "none"}


async def test_pool_that_the_resources_do_not_know_follows_the_scenario(start: Start) -> None:
    """Resources speak of the pools that they name, and a VM that is none of a pool's is nobody there."""
    async with staged(await start(wait_up=False)) as stage:
        stage.effects(web={"stranger": Admin.NONE})
        assert stage.members("web") == {}
        assert set(stage.members("api")) == {"vm1", "vm2", "vm3"}
        stage.world.give(Leave(at=NOON, pool="api", vm="vm1"))
        assert set(stage.members("api")) == {"vm2", "vm3"}


async def test_effects_before_the_scenario_hold_from_the_start() -> None:
    """Resources may be known before the first instant of the scenario."""
    pool = Pool(name="web", members=(Member(vm="vm1", address=Address(host="127.0.0.1", port=9)),))
    listener = Listener(listen=ANYWHERE, pool="web")
    topology = Topology(vms=(Vm(name="vm1", address=ANYWHERE),), pools=(pool,), balancers=(listener,))
    balancing = Balancing(topology)
    balancing.follow_effects(Effects(pools={"web": {}}))
    balancing.follow(begin(scenario_for(topology, started_at=NOON, switches=Switches())))
    [status] = balancing.status()
    assert status["members"]["vm1"]["in_pool"] is False  # type: ignore[index]


@pytest.mark.parametrize(
    ("name", "effects"),
    [
        ("established-on-removal", {}),
        ("admin-state-down", {"vm1": Admin.DOWN}),
    ],
)
async def test_switch_is_read_when_it_matters(start: Start, name: str, effects: dict[str, Admin]) -> None:
    """A switch that is set while flows are there decides what the next change does to them."""
    cluster = await start(members=1)
    async with staged(cluster) as stage:
        await cluster.until("vm1", up=True)
        client, member, _ = await cluster.flow()
        stage.effects(web=effects)
        await sent(client, b"kept")
        assert await received(member) == b"kept"
        stage.effects(web={"vm1": Admin.NONE})
        stage.switch(name, "reset")
        stage.effects(web=effects)
        assert await was_reset(client)
        assert await was_reset(member)


@pytest.mark.parametrize("tcp_reset", ["off", "on"])
async def test_idle_flows_end_as_switched(start: Start, tcp_reset: str) -> None:
    """The timeout and the way an idle flow ends are switches, read live."""
    cluster = await start(members=1)
    async with staged(cluster) as stage:
        await cluster.until("vm1", up=True)
        client, _, _ = await cluster.flow()
        stage.switch("tcp-reset", tcp_reset)
        stage.switch("idle-timeout", "50ms")
        if tcp_reset == "on":
            assert await was_reset(client)
        else:
            await eventually(lambda: cluster.seen("vm1")["swallowed_flows"] == 1, "the flow is dropped")


@pytest.mark.parametrize("rehash", ["no", "yes"])
async def test_rehash_is_a_switch(start: Start, rehash: str) -> None:
    """With rehash-on-change a member that leaves moves clients of those that stay, else its own alone."""
    cluster = await start()
    async with staged(cluster) as stage:
        for name in cluster.hosts:
            await cluster.until(name, up=True)
        stage.switch("rehash-on-change", rehash)
        before = await _placed(cluster)
        stage.effects(web={"vm1": Admin.NONE, "vm2": Admin.NONE})
        after = await _placed(cluster)
        moved = [client for client in before if before[client] != "vm3" and before[client] != after[client]]
        assert bool(moved) is (rehash == "yes")


async def _placed(cluster: Cluster) -> dict[str, str]:
    placed = {}
    for source in (f"127.0.3.{number}" for number in range(1, 31)):
        client, member, placed[source] = await cluster.flow(source)
        client.close()
        member.close()
    return placed
