"""What one look at this VM's interfaces shows: its documents, and each place in or out.

Pure but for the reads that it is given.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from drainer.azure import ids, pools
from drainer.azure.bodies import taken
from drainer.azure.choice import Family, Pools, Scope, means
from drainer.azure.interface import GATEWAY_POOLS, references, updating
from drainer.azure.places import Place, membership, primary, standing_in
from drainer.azure.reads import Reads
from drainer.azure.whoami import Myself, known_as, resource_of
from drainer.core.model import Membership, Standing
from drainer.errors import Refused, Transient
from drainer.management import Arm, Json

RULES_GOOD_FOR = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """`documents` by interface id, the primary one first; `standings` of every place that is known of."""

    vm_id: str
    documents: Mapping[str, Json]
    standings: Mapping[Place, Standing]

    @property
    def membership(self) -> Membership:
        return membership(self.standings, self.documents)

    @property
    def updating(self) -> str:
        """The interface on which a write runs, "" where none does."""
        return next((each for each, document in self.documents.items() if updating(document)), "")

    def named(self, names: Iterable[str]) -> tuple[Place, ...]:
        """The places whose entries have these names."""
        wanted = set(names)
        details = {entry.detail for entry in self.membership.entries if entry.name in wanted}
        return tuple(place for place in self.standings if place.detail in details)

    def taking(self) -> tuple[Place, ...]:
        return tuple(place for place, standing in self.standings.items() if standing is Standing.IN)


@dataclass(slots=True, kw_only=True)
class Looker:
    """Looks at this VM's interfaces for the pools of one family that the policy means."""

    arm: Arm
    reads: Reads
    family: Family
    pools: Pools
    seen: dict[tuple[str, str, str], Place] = field(default_factory=dict)
    instance: Json | None = None
    me: Myself | None = None

    def look(self) -> Sight:
        """Read every interface. Raises what Arm raises."""
        me = self.myself()
        documents = {each: self._interface(each) for each in me.interfaces}
        standings = self._standings(documents)
        self.seen.update({place.key: place for place in standings})
        return Sight(vm_id=me.vm_id, documents=documents, standings=standings)

    def myself(self) -> Myself:
        if self.me is None:
            self.instance = self.instance or self.arm.instance()
            self.me = known_as(self.instance, self.reads.fresh(resource_of(self.instance)))
        return self.me

    def forget(self) -> None:
        """Who this VM is, and what it was in."""
        self.instance = self.me = None
        self.seen.clear()

    def _interface(self, interface_id: str) -> Json:
        try:
            return self.reads.fresh(interface_id)
        except Refused as error:
            if error.kind != "azure-not-found":
                raise
            self.me = self.instance = None  # it has another one now, as after a redeploy
            raise Transient("azure-moved", f"{interface_id} is gone: looking for this VM again") from error

    def _standings(self, documents: Mapping[str, Json]) -> Mapping[Place, Standing]:
        found: dict[tuple[str, str, str], tuple[Place, Standing]] = {}
        for each, document in documents.items():
            for reference in references(document, self.family.member):
                place = Place(interface=each, configuration=reference.configuration, pool=reference.pool)
                if self._is_chosen(place):
                    found[place.key] = (place, Standing.IN)
        for place, standing in (*self._marked(documents), *self._remembered(documents)):
            found.setdefault(place.key, (place, standing))
        self._add_named(found, documents)
        return dict(found.values())

    def _is_chosen(self, place: Place) -> bool:
        if not isinstance(self.pools, Scope):
            return means(place.pool, self.pools)
        if place.key in self.seen or self.family.member == GATEWAY_POOLS:
            return True
        rules = self.reads.lately(ids.parent(place.pool), within=RULES_GOOD_FOR)
        return ids.key(place.pool) in pools.inbound(rules) - pools.outbound(rules)

    def _marked(self, documents: Mapping[str, Json]) -> Iterable[tuple[Place, Standing]]:
        for each, document in documents.items():
            standing = Standing.LEAVING if updating(document) else Standing.OUT
            for reference in taken(document, self.family.member):
                place = Place(interface=each, configuration=reference.configuration, pool=reference.pool)
                if isinstance(self.pools, Scope) or means(place.pool, self.pools):
                    yield standing_in(place, document), standing

    def _remembered(self, documents: Mapping[str, Json]) -> Iterable[tuple[Place, Standing]]:
        for place in self.seen.values():
            if (document := documents.get(place.interface)) is not None:
                yield standing_in(place, document), Standing.OUT

    def _add_named(
        self, found: dict[tuple[str, str, str], tuple[Place, Standing]], documents: Mapping[str, Json]
    ) -> None:
        """Pools that the policy names and this VM is not in."""
        if isinstance(self.pools, Scope) or not documents:
            return
        first, document = next(iter(documents.items()))
        for name in self.pools:
            if any(means(place.pool, (name,)) for place, _ in found.values()):
                continue
            pool = self.family.spelled(name, beside=first)
            place = Place(interface=first, configuration=primary(document), pool=pool)
            found[place.key] = (place, Standing.OUT)
