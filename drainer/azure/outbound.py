"""Which pools and subnets give a VM a way out, from the documents of load balancers and subnets. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from drainer.management import Json

POOLS = "/backendaddresspools/"
EVERYWHERE = ("0.0.0.0/0", "Internet")


def member(resource: Json | None, name: str) -> Any:
    """One of a resource's properties; None where there is none."""
    properties = resource.get("properties") if isinstance(resource, dict) else None
    return properties.get(name) if isinstance(properties, dict) else None


def objects(listed: Any) -> list[Json]:
    """The objects of a list that may be missing or null."""
    return [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []


def gives_way_out(pool: str, balancers: Mapping[str, Json]) -> bool | None:
    """Whether members of `pool` reach the internet by it; None where its balancer is not in `balancers`.

    By an outbound rule, or by a rule with a public frontend that does not disable SNAT (Load Balancer,
    "Outbound connections"). Pools by address give none without an outbound rule: their members keep default
    outbound access instead ("What's new", known issues). The management API speaks TCP. Ids of `balancers`
    are in lower case.
    """
    balancer = balancers.get(pool.lower().split(POOLS)[0])
    if balancer is None:
        return None
    public = _public_frontends(balancer)
    rules = [rule for rule in objects(member(balancer, "outboundRules")) if _serves(rule, pool)]
    if not _by_address(balancer, pool):
        rules += [
            rule
            for rule in objects(member(balancer, "loadBalancingRules"))
            if _serves(rule, pool) and member(rule, "disableOutboundSnat") is not True
        ]
    return any(public & _frontends(rule) for rule in rules)


def listed_by_address(config: Json, balancers: Mapping[str, Json]) -> Iterator[str]:
    """Ids of the pools that list this ip configuration's address in its own network."""
    address, network = member(config, "privateIPAddress"), _network_of(config)
    for balancer in balancers.values():
        for pool in _pools_by_address(balancer):
            if any(
                member(entry, "ipAddress") == address and _entry_network(entry, pool) in ("", network)
                for entry in objects(member(pool, "loadBalancerBackendAddresses"))
            ):
                yield str(pool.get("id", ""))


def default_route(subnet: Json | None) -> str | None:
    """Where the route table sends everything: its next hop's type. "": nowhere else. None: not readable."""
    table = member(subnet, "routeTable")
    if not isinstance(table, dict):
        return ""
    if not isinstance(member(table, "routes"), list):
        return None
    for route in objects(member(table, "routes")):
        if member(route, "addressPrefix") in EVERYWHERE:
            return str(member(route, "nextHopType") or "")
    return ""


def _public_frontends(balancer: Json) -> frozenset[str]:
    return frozenset(
        str(frontend.get("id", "")).lower()
        for frontend in objects(member(balancer, "frontendIPConfigurations"))
        if member(frontend, "publicIPAddress") or member(frontend, "publicIPPrefix")
    )


def _frontends(rule: Json) -> frozenset[str]:
    one, several = member(rule, "frontendIPConfiguration"), member(rule, "frontendIPConfigurations")
    return frozenset(str(each.get("id", "")).lower() for each in (*objects([one]), *objects(several)))


def _serves(rule: Json, pool: str) -> bool:
    one, several = member(rule, "backendAddressPool"), member(rule, "backendAddressPools")
    ids = {str(each.get("id", "")).lower() for each in (*objects([one]), *objects(several))}
    return pool.lower() in ids and str(member(rule, "protocol")).lower() != "udp"


def _by_address(balancer: Json, pool: str) -> bool:
    return any(str(each.get("id", "")).lower() == pool.lower() for each in _pools_by_address(balancer))


def _pools_by_address(balancer: Json) -> list[Json]:
    """Pools whose members are given as address and network. NIC pools list addresses too, without a network
    of their own, beside the configurations they stand for."""
    return [
        pool
        for pool in objects(member(balancer, "backendAddressPools"))
        if objects(member(pool, "loadBalancerBackendAddresses"))
        and not objects(member(pool, "backendIPConfigurations"))
    ]


def _network_of(config: Json) -> str:
    subnet = str((member(config, "subnet") or {}).get("id", ""))
    return subnet.lower().split("/subnets/")[0]


def _entry_network(entry: Json, pool: Json) -> str:
    named = member(entry, "virtualNetwork") or member(pool, "virtualNetwork") or {}
    return str(named.get("id", "")).lower()
