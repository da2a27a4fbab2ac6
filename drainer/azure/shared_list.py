"""A list that several VMs share, as plain values: whose element is whose, the list without ours and with it.

Pure. Every element of others stays as it came, in the order in which it came.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from drainer.azure.ids import key, parent
from drainer.management import Json

NEAREST = 8
"""So many neighbours on each side are remembered: where an element stood among them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """This VM as a shared list may name it. Both in the order of its interfaces, the primary one first."""

    addresses: tuple[str, ...]
    configurations: frozenset[str]
    networks: frozenset[str] = frozenset()

    def has(self, element: Json) -> bool:
        """Whether an element names one of these addresses, in one of these networks where it names one."""
        properties = element.get("properties") or {}
        network = str((properties.get("virtualNetwork") or {}).get("id", ""))
        here = not network or not self.networks or key(network) in self.networks
        return here and properties.get("ipAddress") in self.addresses


@dataclass(frozen=True, slots=True, kw_only=True)
class Was:
    """One element of ours as it was, and its neighbours' names."""

    element: Json
    after: tuple[str, ...] = ()
    before: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return name_of(self.element)


def name_of(element: Json) -> str:
    """What tells an element from the others: its name, or the address itself where elements have none."""
    return str(element.get("name") or element.get("ipAddress") or element.get("fqdn") or "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How one kind of list is read and changed. `resource`: whose PUT writes it, from the pool's id.

    `elements` finds the list in the resource; `ours` tells this VM's elements; `taking`, whether one takes
    new work; `out` and `back` are the list without ours, and with what is recorded. `leaves`: being out is
    being gone, so that the way out of the network may be lost with it.
    """

    layer: str
    provider: str
    cordons: bool
    leaves: bool
    resource: Callable[[str], str]
    elements: Callable[[Json, str], list[Json]]
    ours: Callable[[Json, Own], bool]
    taking: Callable[[Json], bool]
    out: Callable[[list[Json], Own], list[Json]]
    back: Callable[[list[Json], Sequence[Was], Own], list[Json]]
    undo: Callable[[str, Sequence[Was]], str]


def written(found: Sequence[Was]) -> str:
    """What the journal keeps of our elements."""
    told = [{"element": was.element, "after": was.after, "before": was.before} for was in found]
    return json.dumps(told, separators=(",", ":")) if told else ""


def recorded(detail: str) -> tuple[Was, ...]:
    """What was written; nothing where it cannot be read."""
    try:
        found: Any = json.loads(detail)
        return tuple(
            Was(
                element=dict(each["element"]),
                after=tuple(map(str, each["after"])),
                before=tuple(map(str, each["before"])),
            )
            for each in found
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        return ()


def seen(listed: Sequence[Json], mine: Callable[[Json], bool]) -> tuple[Was, ...]:
    """Our elements, each with its neighbours."""
    names = [name_of(each) for each in listed]
    return tuple(
        Was(
            element=copy.deepcopy(each),
            after=tuple(names[max(0, at - NEAREST) : at]),
            before=tuple(names[at + 1 : at + 1 + NEAREST]),
        )
        for at, each in enumerate(listed)
        if mine(each)
    )


def placed(listed: Sequence[Json], was: Was, element: Json) -> list[Json]:
    """The list with this element where it stood: behind those it stood behind, before those it stood before.

    Between them may be what was out itself when ours was read: among these the names' order decides.
    """
    names = [name_of(each) for each in listed]
    low = max((names.index(name) + 1 for name in was.after if name in names), default=0)
    high = min((names.index(name) for name in was.before if name in names), default=len(names))
    at = next((i for i in range(low, max(low, high)) if names[i] > was.name), max(low, high))
    return [*listed[:at], element, *listed[at:]]


def pool_resource(pool: str) -> str:
    """A pool is written by itself."""
    return pool


def owner_resource(pool: str) -> str:
    """A gateway has no operation on its pools: the whole of it is written."""
    return parent(pool)


def listed_in_pool(body: Json, pool: str) -> list[Json]:
    """A load balancer pool's list of addresses."""
    properties = body.setdefault("properties", {})
    found: list[Json] = properties.setdefault("loadBalancerBackendAddresses", [])
    return found
