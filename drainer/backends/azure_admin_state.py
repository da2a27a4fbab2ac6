"""The administrative state of this VM in an Azure Load Balancer pool: Down, and back to what it was.

Experimental: Microsoft's documents contradict each other on whether Down resets established flows, and on the
body of this write for pools of interfaces (Load Balancer, "Administrative state"; the API's description).
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from drainer.azure import undo
from drainer.azure.ids import key
from drainer.azure.shared_list import Own, Shape, Was, listed_in_pool, name_of, pool_resource
from drainer.azure.shared_pool import SharedPool
from drainer.management import Json
from drainer.ports import BackendKind, Surroundings

DOWN, NONE = "Down", "None"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """`pool`: BALANCER/POOL in the VM's resource group, or a full id."""

    pool: str
    accept_experimental: bool = False
    read_every: timedelta = timedelta(seconds=30)

    def __post_init__(self) -> None:
        if not self.accept_experimental:
            raise ValueError("accept_experimental: expected true, since this is not settled yet, got false")
        if not self.pool.startswith("/subscriptions/") and self.pool.count("/") != 1:
            raise ValueError(f"pool: expected BALANCER/POOL or a full id, got {self.pool!r}")


def ours(element: Json, own: Own) -> bool:
    properties = element.get("properties", {})
    configuration = (properties.get("networkInterfaceIPConfiguration") or {}).get("id", "")
    return own.has(element) or key(str(configuration)) in own.configurations


def taking(element: Json) -> bool:
    return bool(element.get("properties", {}).get("adminState") != DOWN)


def out(listed: list[Json], own: Own) -> list[Json]:
    return [_with(each, DOWN) if ours(each, own) and taking(each) else each for each in listed]


def back(listed: list[Json], owed: Sequence[Was], own: Own) -> list[Json]:
    """Each state as it was, absent too; never Up unless it was Up: that would override the probe."""
    before = {was.name: _before(was.element) for was in owed}
    return [
        _with(each, before.get(name_of(each))) if ours(each, own) and _is_owed(each, before) else each
        for each in listed
    ]


def _before(element: Json) -> object:
    """The state that is owed; where only Down is known, as after an adoption, none."""
    state = (element.get("properties") or {}).get("adminState")
    return NONE if state == DOWN else state


def _is_owed(element: Json, before: Mapping[str, object]) -> bool:
    """By its name; one that was made anew since then is owed where nothing else is."""
    return not taking(element) and (name_of(element) in before or len(before) == 1)


def _with(element: Json, state: object) -> Json:
    changed = copy.deepcopy(element)
    properties = changed.setdefault("properties", {})
    if state is None:
        properties.pop("adminState", None)
    else:
        properties["adminState"] = state
    return changed


def command(pool: str, elements: Sequence[Was]) -> str:
    """One line that a person can run."""
    commands = [_command(pool, was.element) for was in elements] or [_command(pool, {})]
    return " && ".join(commands)


def _command(pool: str, element: Json) -> str:
    before = _before(element) or NONE
    return undo.state(pool, address=str(element.get("name", "NAME")), to=str(before))


SHAPE = Shape(
    layer="azure-admin-state",
    provider="loadBalancers",
    cordons=True,
    leaves=False,
    resource=pool_resource,
    elements=listed_in_pool,
    ours=ours,
    taking=taking,
    out=out,
    back=back,
    undo=command,
)


def build(options: Options, around: Surroundings) -> SharedPool:
    return SharedPool(around, SHAPE, pool=options.pool, read_every=options.read_every)


KIND = BackendKind(name="azure-admin-state", options=Options, build=build)
