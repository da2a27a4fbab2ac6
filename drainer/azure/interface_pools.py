"""Pools that this VM is in by its own interfaces: out of them and back, one write at a time.

A verb begins a write and returns; the next calls ask after it, and it is done once it is final and was read
back. Nothing is left that this VM has not proven it can come back to. Calls of a whole episode, one interface
with one load balancer, each operation asked after once: 1 instance document, 10 reads, 3 writes, 3 polls.
"""

from __future__ import annotations

from datetime import timedelta

from drainer.azure import ids, mark, pools, undo
from drainer.azure.bodies import leaving, ranked, returning, taken
from drainer.azure.choice import Family, Pools
from drainer.azure.desk import Desk
from drainer.azure.egress import verdict
from drainer.azure.interface import BALANCER_POOLS, GATEWAY_POOLS, Reference
from drainer.azure.places import Place, described, standing_in
from drainer.azure.proving import Judge, way_out
from drainer.azure.sighting import Looker, Sight
from drainer.azure.writing import Purpose, Write
from drainer.core.model import (
    Done,
    Entry,
    InFlight,
    Membership,
    Pending,
    Progress,
    Standing,
    Unmeasured,
    Work,
)
from drainer.errors import Refused
from drainer.management import Json
from drainer.ports import Mark, Surroundings

SETTLES_IN = timedelta(minutes=2)


class InterfacePools:
    """One layer: the pools of one family that the policy means. It removes, so it isolates."""

    cordons = False
    settles_in = SETTLES_IN

    def __init__(
        self,
        around: Surroundings,
        family: Family,
        *,
        pools: Pools,
        read_every: timedelta,
        judge: Judge = verdict,
    ) -> None:
        self.name, self.read_every = family.layer, read_every
        self._around, self._member, self._judge = around, family.member, judge
        self._desk = Desk(around)
        self._reads = self._desk.reads
        self._looker = Looker(arm=self._desk.arm, reads=self._reads, family=family, pools=pools)
        self._last: Membership | None = None
        self._undo = ""
        self.dropped: tuple[str, ...] = ()
        """Names of pools that are gone, and were not given back."""

    # --- what it says of itself ---

    @property
    def isolates(self) -> bool:
        return not self._desk.refusals.stands

    @property
    def refusal(self) -> str:
        return self._desk.refusals.reason

    def undo(self) -> str:
        return self._undo or undo.UNKNOWN

    def in_flight(self) -> Work:
        """The balancer counts nothing that can be read here, so this layer adds none."""
        return InFlight(count=0)

    def in_service_count(self) -> int | Unmeasured:
        """Other interfaces in the same pools, administratively: the smallest pool counts."""
        return self._desk.verb(self._others)

    def rest(self) -> None:
        """The child may end: whatever is known is read again at the next notice."""
        if self._desk.rest():
            self._looker.forget()
            self._last, self.dropped = None, ()

    def close(self) -> None:
        self._desk.arm.close()

    # --- reading ---

    def membership(self) -> Membership:
        self._reads.throttled()
        return self._desk.verb(self._membership)

    def mark(self) -> Mark | None:
        return self._desk.verb(self._mark)

    # --- writing ---

    def cordon(self) -> Progress:
        """There is no soft way: whatever is in leaves."""
        return self._desk.verb(lambda: self._leave(None))

    def isolate(self, was: Membership) -> Progress:
        return self._desk.verb(lambda: self._leave(was))

    def restore(self, was: Membership) -> Progress:
        return self._desk.verb(lambda: self._return(was))

    # --- looking ---

    def _membership(self) -> Membership:
        self._desk.glance()
        if self._desk.writer.under_way is not None and self._last is not None:
            return self._on_its_way(self._last)
        return self._look().membership

    def _look(self) -> Sight:
        try:
            sight = self._looker.look()
        except Refused as error:
            self._desk.refusals.unread(error)
            raise
        self._desk.refusals.was_read()
        self._last = sight.membership
        commands = [undo.rejoin(each, self._shown(sight, each)) for each in sight.documents]
        told = [command for command in commands if command != undo.UNKNOWN]
        self._undo = " && ".join(told) or self._undo
        return sight

    def _shown(self, sight: Sight, interface: str) -> tuple[Reference, ...]:
        """What a person would put back: what is in, and what we took."""
        places = [place for place in sight.taking() if place.interface == interface]
        return ranked(sight.documents[interface], places, self._member)

    def _on_its_way(self, read: Membership) -> Membership:
        """A write of ours runs: what it removes is leaving."""
        write = self._desk.writer.under_way
        if write is None or write.purpose is not Purpose.REMOVE:
            return read
        entries = (
            Entry(name=entry.name, standing=Standing.LEAVING, detail=entry.detail)
            if entry.name in write.names
            else entry
            for entry in read.entries
        )
        return Membership(entries=tuple(entries), generation=read.generation)

    def _mark(self) -> Mark | None:
        """All that the marks of this VM's interfaces tell of this kind of pool."""
        sight = self._look()
        marks = [found for each in sight.documents.values() if (found := mark.read(each))]
        places = {
            (ids.key(each), one.key)
            for each, document in sight.documents.items()
            for one in taken(document, self._member)
        }
        entries = tuple(
            Entry(name=entry.name, standing=Standing.IN, detail=entry.detail)
            for entry in sight.membership.entries
            for place in sight.named((entry.name,))
            if (ids.key(place.interface), place.reference.key) in places
        )
        if not entries:
            return None
        return Mark(vm_id=marks[0].vm_id, entries=Membership(entries=entries), since=marks[0].since)

    def _others(self) -> int | Unmeasured:
        if self._last is None or self._desk.writer.under_way is not None:
            return Unmeasured(reason="this VM's pools were not read yet")
        places = [described(entry.detail, self._looker.myself().interfaces) for entry in self._last.entries]
        ours = {ids.key(each) for each in self._looker.myself().interfaces}
        counts = [self._others_in(place.pool, ours) for place in places if place is not None]
        known = [count for count in counts if count is not None]
        if not known:
            return Unmeasured(reason="the members of this VM's pools cannot be read")
        return min(known)

    def _others_in(self, pool: str, ours: set[str]) -> int | None:
        owner = self._reads.or_none(ids.parent(pool), within=self.read_every)
        members = None if owner is None else pools.members(owner, pool)
        return None if members is None else len(members - ours)

    # --- leaving ---

    def _leave(self, was: Membership | None) -> Progress:
        self._desk.refusals.check()
        if (running := self._desk.running()) is not None:
            return running
        sight = self._look()
        if updating := sight.updating:
            return Pending(reason=f"a write to {ids.short(updating)} still runs")
        out = (
            sight.taking()
            if was is None
            else tuple(place for place in sight.named(was.taking_work) if place in sight.taking())
        )
        if not out:
            return Done()
        for interface in dict.fromkeys(place.interface for place in out):
            if not self._desk.proofs.proven(interface):
                return self._prove(sight, interface, out)
        self._desk.refusals.forget()
        return self._remove(sight, out[0].interface, out)

    def _prove(self, sight: Sight, interface: str, out: tuple[Place, ...]) -> Progress:
        document = sight.documents[interface]
        if (
            self._member == BALANCER_POOLS
            and not self._around.egress_verified
            and (locked := way_out(self._reads, document, out, self._judge))
        ):
            raise self._desk.refusals.refuse(locked)
        write = Write(purpose=Purpose.PROOF, resource_id=interface, body=document, if_match=_etag(document))
        return self._desk.begin(write, f"{ids.short(interface)} is written unchanged, as a proof")

    def _remove(self, sight: Sight, interface: str, out: tuple[Place, ...]) -> Progress:
        document = sight.documents[interface]
        here = tuple(place for place in out if place.interface == interface)
        since = self._around.clock.now().wall.isoformat(timespec="seconds")
        body = leaving(document, here, member=self._member, vm_id=sight.vm_id, since=since)
        details = {place.detail for place in here}
        names = frozenset(each.name for each in sight.membership.entries if each.detail in details)
        write = Write(
            purpose=Purpose.REMOVE,
            resource_id=interface,
            body=body,
            if_match=_etag(document),
            names=names,
        )
        return self._desk.begin(write, f"{ids.short(interface)} leaves {', '.join(sorted(names))}")

    # --- coming back ---

    def _return(self, was: Membership) -> Progress:
        if (running := self._desk.running()) is not None:
            return running
        sight = self._look()
        if updating := sight.updating:
            return Pending(reason=f"a write to {ids.short(updating)} still runs")
        owed = _owed(was, sight)
        gone = frozenset(self._gone(place) for place in owed if place.pool in self.dropped) - {""}
        try:
            return self._join(sight, owed, gone)
        except Refused as error:
            missing = frozenset(self._gone(place) for place in owed) - {""}
            if error.kind != "azure-rejected" or not missing - gone:
                raise
            self.dropped = tuple(sorted({place.pool for place in owed if ids.key(place.pool) in missing}))
            return self._join(sight, owed, missing)

    def _join(self, sight: Sight, owed: tuple[Place, ...], gone: frozenset[str]) -> Progress:
        for interface, document in sight.documents.items():
            here = tuple(place for place in owed if place.interface == interface)
            body = returning(document, here, member=self._member, gone=gone)
            if body != document:
                write = Write(
                    purpose=Purpose.RESTORE, resource_id=interface, body=body, if_match=_etag(document)
                )
                return self._desk.begin(write, f"{ids.short(interface)} comes back")
        if owed and all(ids.key(place.pool) in gone for place in owed):
            names = ", ".join(ids.short(place.pool) for place in owed)
            raise Refused("entry-gone", f"there is no {names} any more")
        return Done()

    def _gone(self, place: Place) -> str:
        """The pool's key where it is gone, else ""."""
        try:
            if self._member == GATEWAY_POOLS:
                there = pools.exists(self._reads.fresh(ids.parent(place.pool)), place.pool)
            else:
                there = bool(self._reads.fresh(place.pool))
        except Refused as error:
            there = error.kind != "azure-not-found"
        return "" if there else ids.key(place.pool)


def _owed(was: Membership, sight: Sight) -> tuple[Place, ...]:
    """What was in, on the interfaces as they are today."""
    found = []
    for entry in was.entries:
        place = described(entry.detail, sight.documents) if entry.takes_work else None
        if place is not None:
            found.append(standing_in(place, sight.documents[place.interface]))
    return tuple(found)


def _etag(document: Json) -> str:
    return str(document.get("etag", ""))
