"""Which pools inbound rules use, who else is in one, and which VM this is."""

from __future__ import annotations

import pytest

from drainer.azure import pools
from drainer.azure.ids import key
from drainer.azure.whoami import known_as, myself, resource_of
from drainer.errors import Refused
from drainer.testing.management import MemoryArm, World
from tests.azure_documents import (
    SUBSCRIPTION,
    balancer,
    configuration,
    instance,
    nic,
    nic_id,
    pool_id,
    vm,
    vm_id,
)


def test_pools_are_told_apart_by_their_rules() -> None:
    """Inbound rules, NAT rules and outbound rules each name their pools, whatever the case."""
    document = balancer("web", outbound=("egress",), others=("idle", "nat"))
    document["properties"]["inboundNatRules"] = [
        {"properties": {"backendAddressPool": {"id": pool_id("nat").upper()}}},
        {"properties": {}},
    ]
    assert pools.inbound(document) == {key(pool_id("web")), key(pool_id("nat"))}
    assert pools.outbound(document) == {key(pool_id("egress"))}


def test_a_rule_without_a_probe_is_named() -> None:
    """A pool's rules that no probe watches are told by name."""
    document = balancer("web", "api")
    del document["properties"]["loadBalancingRules"][1]["properties"]["probe"]
    assert pools.unprobed(document, pool_id("web")) == ()
    assert pools.unprobed(document, pool_id("api")) == ("to-api",)


def test_members_are_interfaces() -> None:
    """An interface that is in a pool by two configurations is one member."""
    world = World()
    world.put(balancer("web"))
    world.put(nic("n1", configuration("a", pool_id("web")), configuration("b", pool_id("web"))))
    world.put(nic("n2", configuration("a", pool_id("web"))))
    document = world.get(pool_id("web").rpartition("/backend")[0])
    assert document is not None
    assert pools.members(document, pool_id("web")) == frozenset({key(nic_id("n1")), key(nic_id("n2"))})
    assert pools.members(document, pool_id("other")) is None
    assert pools.exists(document, pool_id("web").upper())
    assert not pools.exists(document, pool_id("other"))


def test_a_vm_finds_its_interfaces() -> None:
    """From the instance document to the VM to its interfaces, the primary one first, in two calls."""
    world = World()
    machine = vm("vm1", "second", "first")
    for each, primary in zip(
        machine["properties"]["networkProfile"]["networkInterfaces"], (False, True), strict=True
    ):
        each["properties"]["primary"] = primary
    world.put(machine)
    arm = MemoryArm(world, instance("vm1"))
    me = myself(arm)
    assert (me.vm_id, me.resource_id) == ("id-of-vm1", vm_id("vm1"))
    assert me.interfaces == (nic_id("first"), nic_id("second"))
    assert [call.verb for call in arm.calls] == ["instance", "get"]


def test_a_vm_without_interfaces_has_none() -> None:
    """A document without a network profile names no interface."""
    assert known_as(instance("vm1"), {"properties": {}}).interfaces == ()


def test_a_uniform_instance_is_refused_with_a_way_out() -> None:
    """An instance of a uniform scale set is told to use the probe."""
    uniform = f"{SUBSCRIPTION}/Microsoft.Compute/virtualMachineScaleSets/v/virtualMachines/0"
    with pytest.raises(Refused) as refused:
        resource_of({"compute": {"resourceId": uniform}})
    assert refused.value.kind == "azure-uniform"
    assert "health-probe" in refused.value.reason


def test_no_resource_id_is_refused() -> None:
    """A document that names no resource is no Azure VM's."""
    with pytest.raises(Refused, match="resource id"):
        resource_of({})
