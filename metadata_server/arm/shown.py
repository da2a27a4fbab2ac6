"""How a stored resource is shown: etag, provisioning state, and what a balancer derives from interfaces."""

import copy
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from metadata_server.arm.ids import Collection, ResourceId, parse
from metadata_server.arm.refusal import not_found
from metadata_server.arm.store import BALANCERS, INTERFACES, Body, Store, Stored, child

AHEAD = "ahead"
ADDRESSES = "loadBalancerBackendAddresses"


def show(store: Store, wanted: ResourceId, *, now: datetime, states: str) -> Body:
    """The resource as the API answers it. `states`: honest, or ahead of a write that runs."""
    stored = store.find(wanted)
    whole = _whole(store, stored, now=now, states=states)
    if stored.id.key == wanted.key:
        return whole
    found = child(whole, wanted)
    if found is None:
        raise not_found(wanted.text)
    return _stamped(found, store.etag_of(wanted))


def _state(stored: Stored, *, now: datetime, states: str) -> str:
    match stored.write and stored.write.status(now):
        case "InProgress" if states != AHEAD:
            return "Updating"
        case "Failed":
            return "Failed"
        case _:
            return "Succeeded"


def listing(store: Store, wanted: Collection, *, now: datetime, states: str) -> list[Body]:
    """The resources of a collection as the API lists them. Raises Refusal 404 for children of nothing."""
    if not wanted.parent:
        there = [one for one in store.all(wanted.kind) if one.id.key.startswith(wanted.under)]
        return [show(store, one.id, now=now, states=states) for one in there]
    parent = parse(wanted.parent)
    if parent is None:
        raise not_found(wanted.parent)
    properties = show(store, parent, now=now, states=states).get("properties", {})
    name = wanted.kind.rpartition("/")[2]
    listed: list[Body] = next((value for key, value in properties.items() if key.casefold() == name), [])
    children = (parse(str(each.get("id"))) for each in listed)
    return [show(store, each, now=now, states=states) for each in children if each is not None]


def _whole(store: Store, stored: Stored, *, now: datetime, states: str) -> Body:
    body = _stamped(copy.deepcopy(stored.body), stored.etag)
    state = _state(stored, now=now, states=states)
    properties = body.setdefault("properties", {})
    properties["provisioningState"] = state
    if stored.id.kind == INTERFACES:
        for configuration in properties.get("ipConfigurations") or []:
            configuration["etag"] = stored.etag
            configuration.setdefault("properties", {})["provisioningState"] = state
    if stored.id.kind == BALANCERS:
        for pool in properties.get("backendAddressPools") or []:
            _filled(store, pool)
            pool["properties"]["provisioningState"] = state
    return body


def _filled(store: Store, pool: Body) -> None:
    """What a pool of interfaces shows of its members: read-only, derived from the interfaces."""
    properties = pool.setdefault("properties", {})
    if by_address(pool):
        return
    members = [str(each["id"]) for each in members_of(store, str(pool["id"]).casefold())]
    states = admin_states(pool)
    properties["backendIPConfigurations"] = [{"id": member} for member in members]
    properties[ADDRESSES] = [
        {
            "name": address_name(member),
            "properties": {
                "networkInterfaceIPConfiguration": {"id": member},
                "adminState": states.get(address_name(member), "None"),
                **_ports(store, str(pool["id"]).casefold(), member),
            },
        }
        for member in members
    ]


def _ports(store: Store, pool: str, member: str) -> Body:
    """The frontend port of the member, where an inbound NAT rule spans the pool."""
    if pool not in store.ports:
        return {}
    rule, ports = store.ports[pool]
    port = ports.port(member)
    mapping = {"inboundNatRuleName": rule, "frontendPort": port, "backendPort": ports.spans.backend}
    return {"inboundNatRulesPortMapping": [] if port is None else [mapping]}


def follow_ports(store: Store, *, again: str) -> None:
    """Bring the ports of inbound NAT rules to who is in the pools now."""
    for pool, (_, ports) in store.ports.items():
        ports.follow([str(each["id"]) for each in members_of(store, pool)], again=again)


def by_address(pool: Body) -> bool:
    """Whether a pool is made of addresses, as its body says."""
    properties = pool.get("properties") or {}
    listed = properties.get(ADDRESSES) or []
    return bool(properties.get("virtualNetwork")) or any(
        "ipAddress" in (each.get("properties") or {}) for each in listed
    )


def admin_states(pool: Body) -> dict[str, str]:
    """adminState by the name of the address, as the pool's body has them."""
    listed = pool.get("properties", {}).get(ADDRESSES) or []
    return {
        str(each.get("name")): str((each.get("properties") or {}).get("adminState") or "None")
        for each in listed
    }


def address_name(configuration: str) -> str:
    """How a pool names an interface's ip configuration: group, interface and configuration in one word."""
    parts = configuration.split("/")
    return f"{parts[4]}_{parts[8]}{parts[10]}"


def members_of(store: Store, pool: str) -> Iterator[Body]:
    """The ip configurations that name this pool (its id, lower case)."""
    for stored in store.all(INTERFACES):
        yield from configurations_in(stored.body, pool)


def configurations_in(interface: Body, pool: str) -> Iterator[Body]:
    for configuration in interface.get("properties", {}).get("ipConfigurations") or []:
        properties: dict[str, Any] = configuration.get("properties", {})
        for name in ("loadBalancerBackendAddressPools", "applicationGatewayBackendAddressPools"):
            if any(str(each.get("id")).casefold() == pool for each in properties.get(name) or []):
                yield configuration


def _stamped(body: Body, etag: str) -> Body:
    """With its etag, where the API writes it: after the id."""
    if "etag" in body:
        body["etag"] = etag
        return body
    shown: Body = {}
    for name, value in body.items():
        shown[name] = value
        if name == "id":
            shown["etag"] = etag
    return shown
