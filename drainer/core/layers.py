"""One layer as observed, weighed against what the journal knows of it."""

from __future__ import annotations

from dataclasses import dataclass

from drainer.core.episode import Episode, LayerFacts, all_in
from drainer.core.model import Entry, Face, Instant, Membership, Reading, Standing, Unreadable
from drainer.core.situation import Layer


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerSight:
    """One layer as observed. `others`: other members in service, None where it cannot be told.

    `last` is what this life of the daemon last read; for the record at Open where it is unread now.
    """

    name: str
    cordons: bool
    isolates: bool
    reading: Reading
    others: int | None = None
    last: Membership | None = None


def layers_of(sights: tuple[LayerSight, ...], episode: Episode | None, now: Instant) -> tuple[Layer, ...]:
    """The policy's layers in order, then those that only the journal still knows of.

    A layer that left the policy cannot be read, and while it is ours nothing may be closed over it.
    """
    known = {sight.name for sight in sights}
    facts = episode.layers if episode else {}
    left = tuple(
        LayerSight(name=name, cordons=False, isolates=False, reading=GONE)
        for name, fact in facts.items()
        if name not in known and fact.intended
    )
    return tuple(_layer(sight, facts.get(sight.name), now) for sight in (*sights, *left))


GONE = Unreadable(kind="layer-unknown", reason="the policy has no such layer")


def was_of(facts: LayerFacts, reading: Membership) -> Membership | None:
    """What the layer was at Open; an adopted layer of which nothing is recorded: everything in."""
    if facts.was is None and facts.adopted:
        return all_in(reading)
    return facts.was


def _layer(sight: LayerSight, facts: LayerFacts | None, now: Instant) -> Layer:
    if isinstance(sight.reading, Unreadable):
        return _unread(sight, facts, now)
    reading = sight.reading
    was = was_of(facts, reading) if facts else None
    was_in = was.taking_work if was else frozenset()
    taking = reading.taking_work
    return Layer(
        name=sight.name,
        cordons=sight.cordons,
        isolates=sight.isolates,
        face=reading.face,
        recorded=was is not None,
        was_in=bool(was_in),
        newly_in=was is not None and bool(taking - was_in),
        reads_in=bool(taking & was_in),
        missing=bool(was_in - taking),
        to_isolate=any(_removable(sight, entry) for entry in reading.entries if entry.name in was_in),
        intended=bool(facts and facts.intended),
        done=bool(facts and facts.done),
        unsettled=bool(facts and facts.unsettled(now)),
        under_way=bool(facts and facts.cordon_under_way(now)),
        last_in=_last_in(sight),
    )


def _removable(sight: LayerSight, entry: Entry) -> bool:
    """Not removed hard yet; where a layer only removes, an entry that it has out counts as removed."""
    if not sight.isolates:
        return False
    return not entry.isolated if sight.cordons else entry.standing is not Standing.OUT


def _unread(sight: LayerSight, facts: LayerFacts | None, now: Instant) -> Layer:
    adopted = bool(facts and facts.adopted)
    was = facts.was if facts else None
    return Layer(
        name=sight.name,
        cordons=sight.cordons,
        isolates=sight.isolates,
        face=Face.UNREADABLE,
        recorded=was is not None or adopted,
        was_in=adopted if was is None else bool(was.taking_work),
        intended=bool(facts and facts.intended),
        done=bool(facts and facts.done),
        unsettled=bool(facts and facts.unsettled(now)),
        last_in=_last_in(sight),
    )


def _last_in(sight: LayerSight) -> bool:
    return sight.last is not None and bool(sight.last.taking_work)
