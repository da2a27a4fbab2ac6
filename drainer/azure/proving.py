"""Before this VM leaves a pool: can it come back? Whether a way out stays, and whether it may write and join.

An unchanged PUT that succeeds proves write and join at once: every reference in a body is checked (Azure
Resource Manager, "linked access"). A proof is good for an hour.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from drainer.azure.egress import LockedOut, Open, Verdict, verdict
from drainer.azure.ids import key, parent
from drainer.azure.interface import BALANCER_POOLS, configurations, references
from drainer.azure.outbound import member
from drainer.azure.places import Place
from drainer.azure.reads import Reads
from drainer.core.model import Instant, elapsed
from drainer.errors import Refused
from drainer.management import Json
from drainer.ports import Clock

GOOD_FOR = timedelta(hours=1)
DOCUMENTS_GOOD_FOR = timedelta(minutes=10)

Judge = Callable[..., Verdict]


@dataclass(slots=True, kw_only=True)
class Proofs:
    """When each resource was last seen to be writable as it is."""

    clock: Clock
    at: dict[str, Instant] = field(default_factory=dict)

    def proven(self, resource_id: str) -> bool:
        at = self.at.get(key(resource_id))
        return at is not None and elapsed(at, self.clock.now()) < GOOD_FOR

    def prove(self, resource_id: str) -> None:
        self.at[key(resource_id)] = self.clock.now()


def way_out(
    reads: Reads, interface: Json, leaving: Iterable[Place], judge: Judge = verdict
) -> Refused | None:
    """None where a way to the management API stays; what cannot be read counts as no way."""
    return way_out_of(reads, interface, (place.pool for place in leaving), judge)


def way_out_of(
    reads: Reads,
    interface: Json,
    leaving: Iterable[str],
    judge: Judge = verdict,
    *,
    also: tuple[str, ...] = (),
) -> Refused | None:
    """The same for ids of pools; `also`: balancers beside those that the interface names."""
    pools = frozenset(pool.lower() for pool in leaving)
    judged = judge(interface, _balancers(reads, interface, also), _subnets(reads, interface), leaving=pools)
    if isinstance(judged, Open):
        return None
    kind = "locked-out" if isinstance(judged, LockedOut) else "egress-unknown"
    cures = "; or ".join((*judged.cures, "`egress: verified` in the policy, where you know of another way"))
    told = f"{judged.reason}. It stays in the pool. What helps: {cures}"
    return Refused(kind, told)


def _balancers(reads: Reads, interface: Json, also: tuple[str, ...]) -> Mapping[str, Json]:
    owners = [*(parent(one.pool) for one in references(interface, BALANCER_POOLS)), *also]
    ids = {key(each): each for each in owners}
    found = {each: reads.or_none(each, within=DOCUMENTS_GOOD_FOR) for each in ids.values()}
    return {each: document for each, document in found.items() if document is not None}


def _subnets(reads: Reads, interface: Json) -> Mapping[str, Json | None]:
    ids = {
        str((configuration.get("properties", {}).get("subnet") or {}).get("id", ""))
        for configuration in configurations(interface)
    }
    return {each: _with_routes(reads, each) for each in sorted(ids - {""})}


def _with_routes(reads: Reads, subnet_id: str) -> Json | None:
    """The subnet, its route table's routes read into it; None where it may not be read."""
    subnet = reads.or_none(subnet_id, within=DOCUMENTS_GOOD_FOR)
    table = member(subnet, "routeTable")
    if subnet is None or not isinstance(table, dict) or not isinstance(table.get("id"), str):
        return subnet
    routes = reads.or_none(table["id"], within=DOCUMENTS_GOOD_FOR)
    properties = {**subnet["properties"], "routeTable": routes or table}
    return {**subnet, "properties": properties}
