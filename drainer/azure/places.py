"""Where this VM stands: one place per ip configuration and pool, and how places read as entries.

Pure. It must not know what is asked of the management API, nor when.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from drainer.azure.ids import key, short
from drainer.azure.interface import Reference, configurations, is_primary
from drainer.core.model import Entry, Membership, Standing
from drainer.management import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An ip configuration of an interface, in or out of a pool. Ids as they are spelled."""

    interface: str
    configuration: str
    pool: str

    @property
    def key(self) -> tuple[str, str, str]:
        return key(self.interface), self.configuration.casefold(), key(self.pool)

    @property
    def reference(self) -> Reference:
        return Reference(pool=self.pool, configuration=self.configuration)

    @property
    def detail(self) -> str:
        """What the journal keeps of it: enough to give it back."""
        return f"{self.pool} {short(self.interface)}/{self.configuration}"


def described(detail: str, interfaces: Iterable[str]) -> Place | None:
    """The place that `detail` tells of, on the interface that has that name now, else on the first."""
    pool, _, where = detail.partition(" ")
    name, _, configuration = where.partition("/")
    known = tuple(interfaces)
    if not pool or not configuration or not known:
        return None
    here = next((each for each in known if short(each).casefold() == name.casefold()), known[0])
    return Place(interface=here, configuration=configuration, pool=pool)


def standing_in(place: Place, document: Json) -> Place:
    """The same place today: the primary configuration stands in for one that is gone."""
    names = {str(each.get("name", "")).casefold() for each in configurations(document)}
    if place.configuration.casefold() in names:
        return place
    return Place(interface=place.interface, configuration=primary(document), pool=place.pool)


def primary(document: Json) -> str:
    """The name of the interface's primary configuration."""
    listed = configurations(document)
    found = next((each for each in listed if is_primary(each)), listed[0] if listed else {})
    return str(found.get("name", ""))


def membership(standings: Mapping[Place, Standing], documents: Mapping[str, Json]) -> Membership:
    """Entries in an order that no write changes; a pool's first place has its short name."""
    ordered = sorted(standings, key=lambda place: _rank(place, documents))
    taken: set[str] = set()
    entries = []
    for place in ordered:
        name = _name(place, taken)
        taken.add(name)
        standing = standings[place]
        isolated = standing is Standing.OUT
        entries.append(Entry(name=name, standing=standing, isolated=isolated, detail=place.detail))
    return Membership(entries=tuple(entries))


def _rank(place: Place, documents: Mapping[str, Json]) -> tuple[int, bool, str, str]:
    interfaces = [key(each) for each in documents]
    document = documents[place.interface]
    second = place.configuration.casefold() != primary(document).casefold()
    return interfaces.index(key(place.interface)), second, place.configuration.casefold(), key(place.pool)


def _name(place: Place, taken: set[str]) -> str:
    name = short(place.pool)
    if name not in taken:
        return name
    longer = f"{name}@{short(place.interface)}/{place.configuration}"
    return longer if longer not in taken else f"{place.pool}@{short(place.interface)}/{place.configuration}"
