"""What is written to an interface: out of pools with the owner mark, back into them without it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from drainer.azure import mark, undo
from drainer.azure.ids import key
from drainer.azure.interface import (
    BALANCER_POOLS,
    GATEWAY_POOLS,
    Reference,
    references,
    with_references,
    without,
)
from drainer.azure.places import Place
from drainer.management import Json


def member_of(pool: str) -> str:
    """The list of an ip configuration in which references to this pool stand."""
    return GATEWAY_POOLS if "/applicationgateways/" in pool.casefold() else BALANCER_POOLS


def taken(document: Json, member: str) -> tuple[Reference, ...]:
    """What the owner mark says was taken from one kind of pool."""
    return tuple(one for one in _marked(document) if member_of(one.pool) == member)


def leaving(document: Json, places: Iterable[Place], *, member: str, vm_id: str, since: str) -> Json:
    """The interface out of these pools, with the mark that tells how to undo it."""
    out = tuple(places)
    if not out:
        return document
    ranks = ranked(document, out, member)
    others = tuple(one for one in _marked(document) if member_of(one.pool) != member)
    said = mark.OwnerMark(
        vm_id=vm_id, since=since, taken=(*ranks, *others), had_tags=isinstance(document.get("tags"), dict)
    )
    lighter = without(document, (place.reference for place in out), member)
    return mark.marked(lighter, said, undo=undo.rejoin(str(document["id"]), said.taken))


def returning(document: Json, places: Iterable[Place], *, member: str, gone: frozenset[str]) -> Json:
    """The interface in these pools but those that are gone, and without our mark of them.

    What the mark tells of other layers, or of pools that are not asked for, stays in it.
    """
    owed = tuple(places)
    ranks = {one.key: one.at for one in taken(document, member)}
    joining = [
        replace(place.reference, at=ranks.get(place.reference.key))
        for place in owed
        if key(place.pool) not in gone
    ]
    fuller = with_references(document, joining, member)
    standing = mark.read(document)
    if standing is None:
        return mark.unmarked(fuller) if mark.is_marked(fuller) else fuller
    settled = {place.reference.key for place in owed} | {
        one.key for kind in (BALANCER_POOLS, GATEWAY_POOLS) for one in references(fuller, kind)
    }
    left = tuple(one for one in standing.taken if one.key not in settled and key(one.pool) not in gone)
    if left == standing.taken:
        return fuller
    if not left:
        return mark.unmarked(fuller)
    said = replace(standing, taken=left)
    return mark.marked(fuller, said, undo=undo.rejoin(str(document["id"]), left))


def ranked(document: Json, places: Iterable[Place], member: str) -> tuple[Reference, ...]:
    """These places and what is out by us already, each with its rank in the list that has them all."""
    here = {one.key for one in references(document, member)}
    before = tuple(one for one in taken(document, member) if one.key not in here)
    wanted = {place.reference.key for place in places} | {one.key for one in before}
    whole = with_references(document, before, member)
    return tuple(one for one in references(whole, member) if one.key in wanted)


def _marked(document: Json) -> tuple[Reference, ...]:
    standing = mark.read(document)
    return standing.taken if standing else ()
