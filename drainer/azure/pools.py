"""What a load balancer's document says of its pools: which rules use one, and who else is in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from drainer.azure.ids import key
from drainer.management import Json


def listed(balancer: Json) -> list[Json]:
    """The pools of a load balancer or an application gateway."""
    found = balancer.get("properties", {}).get("backendAddressPools")
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def exists(balancer: Json, pool: str) -> bool:
    return any(key(str(each.get("id", ""))) == key(pool) for each in listed(balancer))


def inbound(balancer: Json) -> frozenset[str]:
    """Keys of the pools that load balancing rules or NAT rules send traffic to."""
    rules = [*_rules(balancer, "loadBalancingRules"), *_rules(balancer, "inboundNatRules")]
    return frozenset(pool for rule in rules for pool in _pools_of(rule))


def outbound(balancer: Json) -> frozenset[str]:
    """Keys of the pools that outbound rules use."""
    return frozenset(pool for rule in _rules(balancer, "outboundRules") for pool in _pools_of(rule))


def unprobed(balancer: Json, pool: str) -> tuple[str, ...]:
    """Names of the rules that use the pool and have no probe: administrative state has no effect on them."""
    rules = balancer.get("properties", {}).get("loadBalancingRules") or []
    return tuple(
        str(rule.get("name", ""))
        for rule in rules
        if key(pool) in set(_pools_of(rule.get("properties", {})))
        and not (rule.get("properties", {}).get("probe") or {}).get("id")
    )


def members(balancer: Json, pool: str) -> frozenset[str] | None:
    """Keys of the interfaces in the pool; None where it does not list them."""
    for each in listed(balancer):
        if key(str(each.get("id", ""))) == key(pool):
            found = each.get("properties", {}).get("backendIPConfigurations")
            return None if found is None else frozenset(map(_interface_of, found))
    return None


def _interface_of(configuration: Json) -> str:
    return key(str(configuration.get("id", ""))).partition("/ipconfigurations/")[0]


def _rules(balancer: Json, name: str) -> Iterator[Json]:
    for rule in balancer.get("properties", {}).get(name) or []:
        if isinstance(rule, dict):
            yield rule.get("properties", {})


def _pools_of(rule: Json) -> Iterator[str]:
    one = rule.get("backendAddressPool") or {}
    many: Iterable[Json] = rule.get("backendAddressPools") or []
    for each in (one, *many):
        if isinstance(each, dict) and each.get("id"):
            yield key(str(each["id"]))
