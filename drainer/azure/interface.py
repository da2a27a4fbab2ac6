"""A network interface's references to pools: read, taken out, put in. Everything else stays byte for byte."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from drainer.azure.ids import key
from drainer.management import Json

BALANCER_POOLS = "loadBalancerBackendAddressPools"
GATEWAY_POOLS = "applicationGatewayBackendAddressPools"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """One ip configuration's place in one pool; `at`: where in its list, None at the end."""

    pool: str
    configuration: str
    at: int | None = None

    @property
    def key(self) -> tuple[str, str]:
        return key(self.pool), self.configuration.casefold()


def configurations(interface: Json) -> list[Json]:
    found = interface.get("properties", {}).get("ipConfigurations")
    return found if isinstance(found, list) else []


def references(interface: Json, member: str) -> Iterator[Reference]:
    """Every pool that the interface names in `member`, in its order."""
    for configuration in configurations(interface):
        for index, each in enumerate(configuration.get("properties", {}).get(member) or []):
            if isinstance(each, dict) and isinstance(each.get("id"), str):
                name = str(configuration.get("name", ""))
                yield Reference(pool=each["id"], configuration=name, at=index)


def without(interface: Json, leaving: Iterable[Reference], member: str) -> Json:
    """The interface without these references. A list that loses its last one stays a list, never null."""
    gone = {reference.key for reference in leaving}
    changed = copy.deepcopy(interface)
    for configuration in configurations(changed):
        listed = configuration.get("properties", {}).get(member)
        if isinstance(listed, list):
            name = str(configuration.get("name", "")).casefold()
            kept = [each for each in listed if (key(str(each.get("id", ""))), name) not in gone]
            configuration["properties"][member] = kept
    return changed


def with_references(interface: Json, joining: Iterable[Reference], member: str) -> Json:
    """The interface with these references, each where it was if that is known.

    An ip configuration that is no longer there is stood in for by the primary one: the address may have
    changed, the duty to restore has not.
    """
    changed = copy.deepcopy(interface)
    for reference in sorted(joining, key=lambda one: one.at if one.at is not None else 1 << 30):
        properties = _configuration(changed, reference.configuration).setdefault("properties", {})
        listed = properties.get(member)
        if not isinstance(listed, list):
            listed = properties[member] = []
        if all(key(str(each.get("id", ""))) != key(reference.pool) for each in listed):
            listed.insert(len(listed) if reference.at is None else reference.at, {"id": reference.pool})
    return changed


def addresses(interface: Json) -> tuple[str, ...]:
    """Its private addresses, the primary one first."""
    ordered = sorted(configurations(interface), key=lambda one: not is_primary(one))
    found = (one.get("properties", {}).get("privateIPAddress") for one in ordered)
    return tuple(str(address) for address in found if address)


def networks(interface: Json) -> frozenset[str]:
    """Keys of the virtual networks that it is in."""
    subnets = (one.get("properties", {}).get("subnet") or {} for one in configurations(interface))
    return frozenset(key(each["id"]).partition("/subnets/")[0] for each in subnets if each.get("id"))


def updating(interface: Json) -> bool:
    """Somebody's write still runs, as far as the resource says."""
    return str(interface.get("properties", {}).get("provisioningState", "")).casefold() == "updating"


def _configuration(interface: Json, name: str) -> Json:
    listed = configurations(interface)
    for configuration in listed:
        if str(configuration.get("name", "")).casefold() == name.casefold():
            return configuration
    return next((one for one in listed if is_primary(one)), listed[0] if listed else {})


def is_primary(configuration: Json) -> bool:
    """Whether this is the interface's primary ip configuration."""
    return bool(configuration.get("properties", {}).get("primary"))
