"""Would this VM keep a way to the management API once its interface left some pools?

A VM whose only way out is the pool it leaves cannot put itself back (Azure Load Balancer FAQ). What cannot
be seen is Unknown, and no caller may take that for Open. Pure: it reads documents and asks nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from drainer.azure.outbound import default_route, gives_way_out, listed_by_address, member, objects
from drainer.management import Json

CURES = (
    "a NAT gateway on the subnet",
    "a second pool for egress alone, with an outbound rule, that the policy does not name",
    "a public address on the interface",
    "a private link for the management API, with `egress: verified` in the policy",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """A way stays, named in `reason`."""

    reason: str
    cures: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedOut:
    """No way stays: this VM could not put itself back."""

    reason: str
    cures: tuple[str, ...] = CURES


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """It cannot be told from here. It counts as locked out unless the policy vouches for another way."""

    reason: str
    cures: tuple[str, ...] = CURES


Verdict = Open | LockedOut | Unknown


def verdict(
    interface: Json,
    balancers: Mapping[str, Json],
    subnets: Mapping[str, Json | None],
    *,
    leaving: frozenset[str],
) -> Verdict:
    """What is left of the ways out when `interface` is in no pool of `leaving` any more.

    `balancers` and `subnets` are by resource id, in any case; a subnet that is None could not be read. A
    subnet's route table counts where its routes are in the document. Ids in `leaving` are in any case too.
    """
    if member(interface, "primary") is False:
        return Open(reason="another interface of this VM is the primary one: its way out stays")
    config = _primary(interface)
    if config is None:
        return Unknown(reason="the interface names no primary ip configuration")
    left = frozenset(pool.lower() for pool in leaving)
    known = {each.lower(): balancer for each, balancer in balancers.items()}
    subnet_id = str((member(config, "subnet") or {}).get("id", ""))
    subnet = {each.lower(): read for each, read in subnets.items()}.get(subnet_id.lower())
    return _way_that_stays(config, known, subnet, left) or _none_seen(config, known, subnet, left)


def _way_that_stays(
    config: Json, balancers: Mapping[str, Json], subnet: Json | None, left: frozenset[str]
) -> Verdict | None:
    """In the order in which the platform prefers them (Default outbound access, "Priority order")."""
    route = default_route(subnet)
    if route in ("VirtualAppliance", "VirtualNetworkGateway"):
        return Open(reason=f"by route, not checked: the subnet's default route goes to a {route}")
    if route == "None":
        return LockedOut(reason="the subnet's default route drops everything")
    if member(subnet, "natGateway"):
        return Open(reason="the subnet has a NAT gateway")
    if member(config, "publicIPAddress"):
        return Open(reason="the interface has a public address of its own")
    for pool in _memberships(config, balancers):
        if pool.lower() not in left and gives_way_out(pool, balancers):
            return Open(reason=f"the pool {_short(pool)} stays, and gives a way out")
    return None


def _none_seen(
    config: Json, balancers: Mapping[str, Json], subnet: Json | None, left: frozenset[str]
) -> Verdict:
    pools = tuple(_memberships(config, balancers))
    named = {pool.lower(): pool for pool in (*sorted(left), *pools)}
    unread = [pool for pool in named.values() if gives_way_out(pool, balancers) is None]
    if unread:
        return Unknown(reason=f"the load balancer of {_named(unread)} could not be read")
    lost = [pool for pool in pools if pool.lower() in left and gives_way_out(pool, balancers)]
    if not lost:
        return Open(reason="no pool that is left gives a way out, so that the way in use now stays")
    if subnet is None:
        return Unknown(reason=f"the way out is {_named(lost)}, and the subnet could not be read")
    if member(subnet, "defaultOutboundAccess") is False:
        return LockedOut(reason=f"the only way out is {_named(lost)}, and the subnet is private")
    if member(subnet, "routeTable") and default_route(subnet) is None:
        return Unknown(reason=f"the way out is {_named(lost)}; whether a route stays could not be read")
    return Unknown(
        reason=f"the only way out that can be seen is {_named(lost)}; default outbound access is being"
        " retired, and nothing tells whether this VM has it"
    )


def _primary(interface: Json) -> Json | None:
    configs = objects(member(interface, "ipConfigurations"))
    if len(configs) == 1:
        return configs[0]
    return next((config for config in configs if member(config, "primary") is True), None)


def _memberships(config: Json, balancers: Mapping[str, Json]) -> Iterator[str]:
    """Ids of the pools that this configuration is in, by reference or by its address."""
    for reference in objects(member(config, "loadBalancerBackendAddressPools")):
        yield str(reference.get("id", ""))
    yield from listed_by_address(config, balancers)


def _named(pools: Iterable[str]) -> str:
    return "the pool " + " and ".join(_short(pool) for pool in pools)


def _short(pool: str) -> str:
    """LB/POOL, or the whole id where it is none of these."""
    parts = pool.split("/")
    return f"{parts[-3]}/{parts[-1]}" if len(parts) > 3 else pool
