"""Azure Application Gateway pools: left through this VM's interface; by address only if that is accepted.

A gateway has no operation on a pool: an address leaves only by a write of the whole gateway, which every
other change of it would race.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from drainer.azure import undo
from drainer.azure.choice import Family, Scope, check_pools
from drainer.azure.ids import key
from drainer.azure.interface import GATEWAY_POOLS
from drainer.azure.interface_pools import InterfacePools
from drainer.azure.pools import listed as pools_of
from drainer.azure.shared_list import Own, Shape, Was, owner_resource, placed
from drainer.azure.shared_pool import SharedPool
from drainer.management import Json
from drainer.ports import Backend, BackendKind, Surroundings

LAYER = "azure-application-gateway"
FAMILY = Family(layer=LAYER, member=GATEWAY_POOLS, provider="applicationGateways")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """`pools`: GATEWAY/POOL, full ids, or inbound: every one that this VM's interface is in.

    `accept_gateway_write`: the one pool named holds addresses, and the whole gateway may be written for it.
    """

    pools: Scope | tuple[str, ...] = Scope.INBOUND
    accept_gateway_write: bool = False
    read_every: timedelta = timedelta(seconds=30)

    def __post_init__(self) -> None:
        check_pools(self.pools, kind="GATEWAY")
        if self.accept_gateway_write and (isinstance(self.pools, Scope) or len(self.pools) != 1):
            found = self.pools.value if isinstance(self.pools, Scope) else ", ".join(self.pools)
            raise ValueError(f"pools: expected one GATEWAY/POOL beside accept_gateway_write, got {found}")


def elements(body: Json, pool: str) -> list[Json]:
    """The addresses of that pool inside the gateway."""
    for each in pools_of(body):
        if key(str(each.get("id", ""))) == key(pool):
            found: list[Json] = each.setdefault("properties", {}).setdefault("backendAddresses", [])
            return found
    return []


def ours(element: Json, own: Own) -> bool:
    return element.get("ipAddress") in own.addresses


def out(listed: list[Json], own: Own) -> list[Json]:
    return [each for each in listed if not ours(each, own)]


def back(listed: list[Json], owed: Sequence[Was], own: Own) -> list[Json]:
    """The elements as they were, with this VM's present addresses."""
    for was in owed:
        there = {each.get("ipAddress") for each in listed}
        free = [address for address in own.addresses if address not in there]
        if not free or was.element.get("ipAddress") in there & set(own.addresses):
            continue
        address = was.element.get("ipAddress")
        element = was.element if address in free else {**was.element, "ipAddress": free[0]}
        listed = placed(listed, was, element)
    return listed


def command(pool: str, elements: Sequence[Was]) -> str:
    """One line that a person can run."""
    addresses = [str(was.element.get("ipAddress", "")) for was in elements] or ["ADDRESS"]
    return " && ".join(undo.readd_to_gateway(pool, address=address) for address in addresses)


SHAPE = Shape(
    layer=LAYER,
    provider="applicationGateways",
    cordons=False,
    leaves=True,
    resource=owner_resource,
    elements=elements,
    ours=ours,
    taking=lambda element: True,
    out=out,
    back=back,
    undo=command,
)


def build(options: Options, around: Surroundings) -> Backend:
    if options.accept_gateway_write and not isinstance(options.pools, Scope):
        return SharedPool(around, SHAPE, pool=options.pools[0], read_every=options.read_every)
    return InterfacePools(around, FAMILY, pools=options.pools, read_every=options.read_every)


KIND = BackendKind(name=LAYER, options=Options, build=build)
