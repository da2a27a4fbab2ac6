"""Stands for the Azure layers: any management API that an operator can write to past the adapter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from drainer.azure.ids import key, short
from drainer.backends import azure_application_gateway, azure_nic_pool
from drainer.management import Arm, Json
from drainer.ports import Backend, BackendKind, Surroundings
from drainer.testing import Stand
from drainer.testing.management import Fault, MemoryArm, World
from drainer.testing.stand import surroundings
from tests import azure_documents as documents

WEB, API = documents.pool_id("web"), documents.pool_id("api")
NIC = documents.nic_id("vm1-nic")


def world(*pools: str, siblings: int = 2, polls: int = 1) -> World:
    """One load balancer, one subnet with a NAT gateway, and vm1 beside its siblings in every pool."""
    made = World(polls=polls)
    made.put(documents.balancer("web", "api", outbound=("egress",)))
    made.put(documents.subnet())
    for number in range(1, siblings + 2):
        name = f"vm{number}"
        made.put(documents.vm(name, f"{name}-nic"))
        made.put(documents.nic(f"{name}-nic", documents.configuration("ipconfig1", *pools)))
    return made


class NicStand(Stand):
    """vm1 in two pools of one load balancer, and in a third that is its way out."""

    entries: tuple[str, ...] = ("lb/web", "lb/api")

    def __init__(
        self,
        *,
        polls: int = 1,
        options: azure_nic_pool.Options | None = None,
        new_arm: Callable[[World], MemoryArm] | None = None,
    ) -> None:
        super().__init__()
        self.world = world(WEB, documents.pool_id("egress"), API, polls=polls)
        self.options = options or azure_nic_pool.Options(pools=("lb/web", "lb/api"))
        self._new_arm = new_arm or (lambda world: MemoryArm(world, documents.instance("vm1")))
        self.arms: list[MemoryArm] = []

    def around(self, arm: Arm) -> Surroundings:
        return replace(surroundings(self.clock), arm=arm)

    def connect(self) -> Backend:
        arm = self._new_arm(self.world)
        self.arms.append(arm)
        return self.build(self.around(arm))

    def build(self, around: Surroundings) -> Backend:
        return azure_nic_pool.KIND.build(self.options, around)

    @property
    def nic(self) -> Json:
        found = self.world.get(NIC)
        assert found is not None
        return found

    def take_out(self, entry: str) -> None:
        self._edit(lambda listed: [one for one in listed if key(short(one["id"])) != key(entry)])

    def put_in(self, entry: str) -> None:
        balancer, _, pool = entry.partition("/")
        assert balancer == "lb"
        self._edit(lambda listed: [*listed, {"id": documents.pool_id(pool)}])

    def remove(self, entry: str) -> None:
        self.world.remove_pool(documents.pool_id(entry.partition("/")[2]))

    def others(self) -> object:
        return {
            name: {k: v for k, v in resource.items() if k != "etag"}
            for name, resource in self.world.resources.items()
            if name != key(NIC)
        }

    def sever(self) -> None:
        for arm in self.arms:
            arm.severed = True

    def lose_next_answer(self) -> None:
        self.arms[-1].arm("put", Fault.LOST_AFTER)

    def _edit(self, edit: Callable[[list[Json]], list[Json]]) -> None:
        self.world.edit_lists(self.world.resources[key(NIC)], edit)


class GatewayNicStand(NicStand):
    """vm1 in an application gateway's pool by its own interface, beside a load balancer's."""

    entries = ("agw/app",)

    def __init__(self) -> None:
        super().__init__()
        self.pool = f"{documents.NETWORK}/applicationGateways/agw/backendAddressPools/app"
        self.world.put(documents.gateway("agw"))
        configuration = documents.configuration("ipconfig1", WEB)
        configuration["properties"]["applicationGatewayBackendAddressPools"] = [{"id": self.pool}]
        self.world.put(documents.nic("vm1-nic", configuration))

    def build(self, around: Surroundings) -> Backend:
        return azure_application_gateway.build(azure_application_gateway.Options(pools=("agw/app",)), around)

    def take_out(self, entry: str) -> None:
        self.put_listed()

    def put_in(self, entry: str) -> None:
        self.put_listed({"id": self.pool})

    def put_listed(self, *pools: Json) -> None:
        nic = self.nic
        properties = nic["properties"]["ipConfigurations"][0]["properties"]
        properties["applicationGatewayBackendAddressPools"] = list(pools)
        self.world.put(nic)

    def remove(self, entry: str) -> None:
        self.world.remove_pool(self.pool)


class ListStand(Stand):
    """vm1 in one list that it shares with two siblings, once in the middle of it."""

    entries = ("lb/ips",)
    element: Json = documents.address("vm1", "10.0.0.1", adminState="None")

    def __init__(self, kind: BackendKind, **options: object) -> None:
        super().__init__()
        self.kind, self.options = kind, kind.options(pool="lb/ips", **options)
        self.world = World(polls=2)
        self.world.put(documents.with_pool(documents.balancer("web"), self.pool_of(self.element)))
        self.world.put(documents.subnet())
        self.world.put(documents.vm("vm1", "vm1-nic"))
        self.world.put(documents.nic("vm1-nic", documents.configuration("ipconfig1", address="10.0.0.1")))
        self.arms: list[MemoryArm] = []

    def pool_of(self, *ours: Json) -> Json:
        first, last = documents.address("vm0", "10.0.0.10"), documents.address("vm2", "10.0.0.12")
        return documents.address_pool("ips", first, *ours, last)

    def connect(self) -> Backend:
        self.arms.append(MemoryArm(self.world, documents.instance("vm1")))
        around = replace(surroundings(self.clock), arm=self.arms[-1])
        backend: Backend = self.kind.build(self.options, around)
        return backend

    def listed(self) -> list[Json]:
        pool = self.world.get(documents.pool_id("ips"))
        assert pool is not None
        found: list[Json] = pool["properties"]["loadBalancerBackendAddresses"]
        return found

    def take_out(self, entry: str) -> None:
        self.world.store(documents.pool_id("ips"), self.pool_of())

    def put_in(self, entry: str) -> None:
        self.world.store(documents.pool_id("ips"), self.pool_of(self.element))

    def remove(self, entry: str) -> None:
        self.world.remove_pool(documents.pool_id("ips"))

    def others(self) -> object:
        return [each for each in self.listed() if each["name"] != "vm1"]

    def sever(self) -> None:
        for arm in self.arms:
            arm.severed = True

    def lose_next_answer(self) -> None:
        self.arms[-1].arm("put", Fault.LOST_AFTER)


class StateStand(ListStand):
    """The same list, in which an operator sets vm1 Down."""

    def take_out(self, entry: str) -> None:
        down = documents.address("vm1", "10.0.0.1", adminState="Down")
        self.world.store(documents.pool_id("ips"), self.pool_of(down))


class GatewayStand(Stand):
    """vm1 by its address in an application gateway's pool, between two others."""

    entries = ("agw/app",)

    def __init__(self) -> None:
        super().__init__()
        self.world = World(polls=2)
        self.world.put(documents.gateway("agw", "10.0.0.10", "10.0.0.1", "10.0.0.12"))
        self.world.put(documents.vm("vm1", "vm1-nic"))
        self.world.put(documents.nic("vm1-nic", documents.configuration("ipconfig1", address="10.0.0.1")))
        self.arms: list[MemoryArm] = []

    def connect(self) -> Backend:
        self.arms.append(MemoryArm(self.world, documents.instance("vm1")))
        options = azure_application_gateway.Options(pools=("agw/app",), accept_gateway_write=True)
        return azure_application_gateway.build(options, replace(surroundings(self.clock), arm=self.arms[-1]))

    def take_out(self, entry: str) -> None:
        self.world.put(documents.gateway("agw", "10.0.0.10", "10.0.0.12"))

    def put_in(self, entry: str) -> None:
        self.world.put(documents.gateway("agw", "10.0.0.10", "10.0.0.1", "10.0.0.12"))

    def remove(self, entry: str) -> None:
        del self.world.resources[key(f"{documents.NETWORK}/applicationGateways/agw")]

    def others(self) -> object:
        gateway = self.world.get(f"{documents.NETWORK}/applicationGateways/agw")
        assert gateway is not None
        listed = gateway["properties"]["backendAddressPools"][0]["properties"]["backendAddresses"]
        return [each for each in listed if each["ipAddress"] != "10.0.0.1"], gateway["properties"]["unknown"]

    def sever(self) -> None:
        for arm in self.arms:
            arm.severed = True

    def lose_next_answer(self) -> None:
        self.arms[-1].arm("put", Fault.LOST_AFTER)
