"""What the network follows of the resources: who is in which pool, and who has lost the way out. Pure."""

from datetime import datetime
from typing import Any

from metadata_server.arm.places import interface_id, pool_id
from metadata_server.arm.shown import ADDRESSES, address_name, admin_states, configurations_in
from metadata_server.arm.store import BALANCERS, GATEWAYS, INTERFACES, Body, Store
from metadata_server.effects import Admin, Effects
from metadata_server.topology import Management, Outbound, Pool, PoolKind, Topology


def effects(store: Store, topology: Topology, management: Management, *, now: datetime) -> Effects:
    """The effects of what has reached the network by `now`."""
    interfaces = {str(body["id"]).casefold(): body for body in store.effective(INTERFACES, now)}
    balancers = list(store.effective(BALANCERS, now))
    with_pools = [*balancers, *store.effective(GATEWAYS, now)]
    pools = {pool.name: _members(topology, pool, interfaces, with_pools) for pool in topology.pools}
    return Effects(pools=pools, cut_off=_cut_off(topology, management, interfaces, balancers))


def _members(
    topology: Topology, pool: Pool, interfaces: dict[str, Body], bodies: list[Body]
) -> dict[str, Admin]:
    key = pool_id(topology, pool).casefold()
    body = next((each for each in _pools(bodies) if str(each.get("id")).casefold() == key), {})
    if pool.kind is PoolKind.IP or pool.by_address:
        return _by_address(topology, body)
    states = admin_states(body)
    members: dict[str, Admin] = {}
    for vm in topology.vms:
        interface = interfaces.get(interface_id(vm).casefold(), {})
        for configuration in configurations_in(interface, key):
            state = states.get(address_name(str(configuration["id"])), "None")
            members[vm.name] = Admin(state.casefold())
    return members


def _by_address(topology: Topology, pool: Body) -> dict[str, Admin]:
    owners = {vm.private_ip: vm.name for vm in topology.vms}
    properties = pool.get("properties", {})
    listed = [each.get("properties", {}) for each in properties.get(ADDRESSES) or []]
    members: dict[str, Admin] = {}
    for each in [*listed, *(properties.get("backendAddresses") or [])]:
        owner = owners.get(str(each.get("ipAddress")))
        if owner is not None:
            members[owner] = Admin(str(each.get("adminState") or "None").casefold())
    return members


def _pools(bodies: list[Body]) -> list[Body]:
    return [pool for body in bodies for pool in body.get("properties", {}).get("backendAddressPools") or []]


def _cut_off(
    topology: Topology, management: Management, interfaces: dict[str, Body], balancers: list[Body]
) -> frozenset[str]:
    """VMs without a way out: an address translated for outbound flows is given by the pool alone."""
    if management.outbound is Outbound.NAT:
        return frozenset()
    if management.outbound is Outbound.NONE:
        return frozenset(vm.name for vm in topology.vms)
    leading = _leading_out(balancers)
    return frozenset(
        vm.name
        for vm in topology.vms
        if not any(
            any(True for _ in configurations_in(interfaces.get(interface_id(vm).casefold(), {}), key))
            for key in leading
        )
    )


def _leading_out(balancers: list[Body]) -> frozenset[str]:
    """Pools with an outbound rule, or with a rule that translates outbound flows too."""
    found: set[str] = set()
    for body in balancers:
        properties: dict[str, Any] = body.get("properties", {})
        for rule in properties.get("outboundRules", []):
            found.add(str(rule["properties"]["backendAddressPool"]["id"]).casefold())
        for rule in properties.get("loadBalancingRules", []):
            if not rule["properties"].get("disableOutboundSnat"):
                found.add(str(rule["properties"]["backendAddressPool"]["id"]).casefold())
    return frozenset(found)
