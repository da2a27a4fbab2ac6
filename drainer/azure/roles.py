"""The two roles: `drain` changes this VM's own membership, `doctor` only reads.

Roles as data, the rights that one interface's write really needs, and the documents for
`az role definition create`. Actions are those of the role definitions reference of Microsoft.Network and
Microsoft.Compute.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from drainer.management import Json

NETWORK = "Microsoft.Network/"
READ_NIC = f"{NETWORK}networkInterfaces/read"
WRITE_NIC = f"{NETWORK}networkInterfaces/write"
READ_VM = "Microsoft.Compute/virtualMachines/read"
READ_BALANCER = f"{NETWORK}loadBalancers/read"
READ_POOL = f"{NETWORK}loadBalancers/backendAddressPools/read"
WRITE_POOL = f"{NETWORK}loadBalancers/backendAddressPools/write"
JOIN_POOL = f"{NETWORK}loadBalancers/backendAddressPools/join/action"
JOIN_NETWORK = f"{NETWORK}virtualNetworks/joinLoadBalancer/action"
READ_GATEWAY = f"{NETWORK}applicationGateways/read"
WRITE_GATEWAY = f"{NETWORK}applicationGateways/write"
READ_SUBNET = f"{NETWORK}virtualNetworks/subnets/read"
READ_ROUTES = f"{NETWORK}routeTables/read"
READ_PERMISSIONS = "Microsoft.Authorization/permissions/read"

JOINS: Mapping[str, str] = MappingProxyType(
    {
        "subnet": f"{NETWORK}virtualNetworks/subnets/join/action",
        "networkSecurityGroup": f"{NETWORK}networkSecurityGroups/join/action",
        "publicIPAddress": f"{NETWORK}publicIPAddresses/join/action",
        "loadBalancerInboundNatRules": f"{NETWORK}loadBalancers/inboundNatRules/join/action",
        "loadBalancerBackendAddressPools": JOIN_POOL,
        "applicationGatewayBackendAddressPools": (
            f"{NETWORK}applicationGateways/backendAddressPools/join/action"
        ),
        "applicationSecurityGroups": f"{NETWORK}applicationSecurityGroups/joinIpConfiguration/action",
    }
)
"""A write that names a linked resource needs the right to join it: by property."""

DRAIN = (
    READ_VM,
    READ_NIC,
    WRITE_NIC,
    READ_BALANCER,
    READ_POOL,
    *JOINS.values(),
    f"{NETWORK}locations/operations/read",
)
DRAIN_POOL = (WRITE_POOL, JOIN_NETWORK)
"""Beside DRAIN where a policy has azure-ip-pool or azure-admin-state: they write the whole pool."""
DRAIN_GATEWAY = (READ_GATEWAY, WRITE_GATEWAY)
"""Beside DRAIN where a policy has azure-application-gateway with `accept_gateway_write`."""
DOCTOR = (
    READ_SUBNET,
    f"{NETWORK}virtualNetworks/read",
    f"{NETWORK}natGateways/read",
    f"{NETWORK}publicIPAddresses/read",
    READ_ROUTES,
    READ_PERMISSIONS,
)

ROLES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "drain": DRAIN,
        "drain-pool": DRAIN_POOL,
        "drain-gateway": DRAIN_GATEWAY,
        "doctor": DOCTOR,
    }
)
_SAYS = {
    "drain": "Take a VM's own interface out of its pools and put it back.",
    "drain-pool": "Beside drainer drain: write the pools that list addresses.",
    "drain-gateway": "Beside drainer drain: write application gateways.",
    "doctor": "Read what tells whether a VM could put itself back.",
}

POOL_LAYERS = frozenset({"azure-ip-pool", "azure-admin-state"})
GATEWAY_LAYER = "azure-application-gateway"


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """One right: an action on a resource."""

    action: str
    scope: str


def needed(layers: Iterable[str], vm_id: str, interface: Json) -> tuple[Need, ...]:
    """What a policy with these layers needs on this VM and interface: joins for what it references alone."""
    names = frozenset(layers)
    found = [Need(action=READ_VM, scope=vm_id)]
    nic = str(interface.get("id", ""))
    found += [Need(action=action, scope=nic) for action in (READ_NIC, WRITE_NIC)]
    linked = tuple(_linked(interface))
    found += [Need(action=JOINS[name], scope=resource) for name, resource in linked]
    pools = [resource for name, resource in linked if name == "loadBalancerBackendAddressPools"]
    found += [Need(action=READ_BALANCER, scope=_parent(pool)) for pool in pools]
    if names & POOL_LAYERS:
        found += [Need(action=action, scope=pool) for pool in pools for action in (READ_POOL, WRITE_POOL)]
    return tuple(dict.fromkeys(found))


def definition(role: str, scope: str) -> dict[str, Any]:
    """The document that `az role definition create --role-definition` takes. Raises KeyError."""
    return {
        "Name": f"drainer {role}",
        "IsCustom": True,
        "Description": _SAYS[role],
        "Actions": list(ROLES[role]),
        "NotActions": [],
        "AssignableScopes": [scope],
    }


def roles_for(layers: Iterable[str]) -> tuple[str, ...]:
    """The roles that a policy with these layers asks for."""
    names = frozenset(layers)
    pools = ("drain-pool",) if names & POOL_LAYERS else ()
    gateways = ("drain-gateway",) if GATEWAY_LAYER in names else ()
    return ("drain", *pools, *gateways, "doctor")


def _linked(interface: Json) -> Iterator[tuple[str, str]]:
    """(property, id) of everything that the interface names and a write must join."""
    properties = interface.get("properties") or {}
    configs = properties.get("ipConfigurations") or []
    for holder in (properties, *(config.get("properties") or {} for config in configs)):
        for name in JOINS:
            value = holder.get(name)
            for each in value if isinstance(value, list) else [value]:
                if isinstance(each, dict) and isinstance(each.get("id"), str):
                    yield name, each["id"]


def _parent(resource: str) -> str:
    return resource.rsplit("/", 2)[0]
