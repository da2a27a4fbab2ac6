"""Azure Load Balancer pools made of addresses: this VM's address leaves the shared list and comes back."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from drainer.azure import undo
from drainer.azure.shared_list import Own, Shape, Was, listed_in_pool, name_of, placed, pool_resource
from drainer.azure.shared_pool import SharedPool
from drainer.errors import Refused
from drainer.management import Json
from drainer.ports import BackendKind, Surroundings


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """`pool`: BALANCER/POOL in the VM's resource group, or a full id."""

    pool: str
    read_every: timedelta = timedelta(seconds=30)

    def __post_init__(self) -> None:
        if not self.pool.startswith("/subscriptions/") and self.pool.count("/") != 1:
            raise ValueError(f"pool: expected BALANCER/POOL or a full id, got {self.pool!r}")


def ours(element: Json, own: Own) -> bool:
    return own.has(element)


def out(listed: list[Json], own: Own) -> list[Json]:
    return [each for each in listed if not ours(each, own)]


def back(listed: list[Json], owed: Sequence[Was], own: Own) -> list[Json]:
    """The elements as they were, with this VM's present addresses. Raises Refused where a name is taken."""
    there = {_address(each) for each in listed if ours(each, own)}
    for was in owed:
        if _address(was.element) in there:
            continue
        known = {_address(each) for each in listed}
        free = [address for address in own.addresses if address not in known]
        if _address(was.element) not in own.addresses and not free:
            continue
        if was.name in map(name_of, listed):
            raise Refused("address-taken", f"the pool's element {was.name!r} is somebody else's now")
        element = was.element if _address(was.element) in own.addresses else _moved(was.element, free[0])
        listed = placed(listed, was, element)
    return listed


def _moved(element: Json, address: str) -> Json:
    """The element with an address that this VM has today."""
    moved = copy.deepcopy(element)
    moved["properties"]["ipAddress"] = address
    moved["properties"].pop("networkInterfaceIPConfiguration", None)  # of an interface that is gone
    return moved


def _address(element: Json) -> str:
    return str((element.get("properties") or {}).get("ipAddress", ""))


def command(pool: str, elements: Sequence[Was]) -> str:
    """One line that a person can run."""
    commands = [_command(pool, was.element) for was in elements] or [_command(pool, {})]
    return " && ".join(commands)


def _command(pool: str, element: Json) -> str:
    network = ((element.get("properties") or {}).get("virtualNetwork") or {}).get("id", "VNET")
    name, address = str(element.get("name", "NAME")), _address(element) or "ADDRESS"
    return undo.readd(pool, name=name, address=address, network=str(network))


SHAPE = Shape(
    layer="azure-ip-pool",
    provider="loadBalancers",
    cordons=False,
    leaves=True,
    resource=pool_resource,
    elements=listed_in_pool,
    ours=ours,
    taking=lambda element: True,
    out=out,
    back=back,
    undo=command,
)


def build(options: Options, around: Surroundings) -> SharedPool:
    return SharedPool(around, SHAPE, pool=options.pool, read_every=options.read_every)


KIND = BackendKind(name="azure-ip-pool", options=Options, build=build)
