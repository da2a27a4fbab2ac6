"""What is examined: this process's settings and policy, and, where a layer needs it, this VM in Azure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from drainer.azure import pools
from drainer.azure import subnets as subnets_of
from drainer.azure.ids import key, parent, spelled
from drainer.azure.interface import BALANCER_POOLS, configurations, references
from drainer.azure.outbound import member
from drainer.azure.whoami import Myself, myself
from drainer.core.policy import BackendChoice, Policy
from drainer.doctor.patience import Patient
from drainer.errors import DrainerError, Refused
from drainer.management import Json
from drainer.settings import Settings

INBOUND = "inbound"
BY_INTERFACE = "azure-nic-pool"
BY_GATEWAY = "azure-application-gateway"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """`quiet`: no episode is open, and nobody forbade the two unchanged writes."""

    settings: Settings
    policy: Policy
    quiet: bool
    arm: Patient | None = None

    @property
    def azure_layers(self) -> tuple[BackendChoice, ...]:
        return tuple(layer for layer in self.policy.backend if layer.name.startswith("azure-"))

    def layers(self, name: str) -> tuple[BackendChoice, ...]:
        return tuple(layer for layer in self.policy.backend if layer.name == name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """This VM as the management API has it. What could not be read is None, or absent."""

    myself: Myself
    vm: Json
    interfaces: Mapping[str, Json]
    balancers: Mapping[str, Json]
    subnets: Mapping[str, Json | None]
    unread: Mapping[str, DrainerError] = field(default_factory=dict)


def find(arm: Patient) -> Found:
    """Read everything once. Raises what Arm raises for the VM and its interfaces; the rest may be unread."""
    who = myself(arm)
    vm = arm.get(who.resource_id)
    interfaces = {each: arm.get(each) for each in who.interfaces}
    if not interfaces:
        raise Refused("azure-not-found", f"{who.resource_id} has no network interface")
    unread: dict[str, DrainerError] = {}
    balancers = {
        balancer: read
        for balancer in dict.fromkeys(_balancer_ids(interfaces.values()))
        if (read := _maybe(arm, balancer, unread)) is not None
    }
    subnets = {
        subnet: _subnet(arm, subnet, unread) for subnet in dict.fromkeys(_subnet_ids(interfaces.values()))
    }
    return Found(
        myself=who, vm=vm, interfaces=interfaces, balancers=balancers, subnets=subnets, unread=unread
    )


def leaving(layer: BackendChoice, found: Found, interface_id: str) -> frozenset[str]:
    """Keys of the load balancer's pools that this layer would take this interface out of."""
    if layer.name == BY_GATEWAY:
        return frozenset()
    interface = found.interfaces[interface_id]
    stated = getattr(layer.options, "pools", None) or (getattr(layer.options, "pool", INBOUND),)
    named = stated if isinstance(stated, tuple) else (INBOUND,)
    referenced = {key(each.pool) for each in references(interface, BALANCER_POOLS)}
    wanted: set[str] = set()
    for name in named:
        if name == INBOUND:
            wanted |= referenced & _inbound_only(found.balancers.values())
        else:
            wanted.add(
                key(spelled(name, beside=interface_id, provider="loadBalancers", child="backendAddressPools"))
            )
    return frozenset(wanted & referenced if layer.name == BY_INTERFACE else wanted)


def _inbound_only(balancers: Iterable[Json]) -> frozenset[str]:
    read = tuple(balancers)
    inbound = {pool for balancer in read for pool in pools.inbound(balancer)}
    return frozenset(inbound - {pool for balancer in read for pool in pools.outbound(balancer)})


def _balancer_ids(interfaces: Iterable[Json]) -> list[str]:
    return [
        key(parent(reference.pool))
        for interface in interfaces
        for reference in references(interface, BALANCER_POOLS)
    ]


def _subnet_ids(interfaces: Iterable[Json]) -> list[str]:
    subnets = (
        (member(config, "subnet") or {}).get("id")
        for interface in interfaces
        for config in configurations(interface)
    )
    return [key(subnet) for subnet in subnets if isinstance(subnet, str)]


def _subnet(arm: Patient, subnet: str, unread: dict[str, DrainerError]) -> Json | None:
    try:
        return subnets_of.read(arm, subnet)
    except DrainerError as error:
        unread[subnet] = error
        return None


def _maybe(arm: Patient, resource_id: str, unread: dict[str, DrainerError]) -> Json | None:
    try:
        return arm.get(resource_id)
    except DrainerError as error:
        unread[resource_id] = error
        return None
