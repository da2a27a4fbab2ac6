"""A layer whose membership stands in one list that all its VMs share: every write is compare-and-swap.

A write replaces the whole list, so two sidecars that wrote over each other would lose entries. It is written
with the etag that was read, and only where a write with a wrong etag was seen refused by this process. Every
element of others goes back as it came, members that no model knows included.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import timedelta

from drainer.azure.desk import Desk, read_as_ours
from drainer.azure.egress import verdict
from drainer.azure.ids import key, parent, short, spelled
from drainer.azure.interface import addresses, configurations, networks, updating
from drainer.azure.proving import Judge, way_out_of
from drainer.azure.shared_list import Own, Shape, Was, recorded, seen, written
from drainer.azure.whoami import Myself, known_as, resource_of
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
from drainer.errors import Refused, Transient
from drainer.management import Json
from drainer.ports import Surroundings

SETTLES_IN = timedelta(minutes=2)
INTERFACES_GOOD_FOR = timedelta(minutes=5)
WRONG_ETAG = 'W/"00000000-0000-0000-0000-000000000000"'


class SharedPool:
    """One entry: this VM in the list, by however many elements."""

    settles_in = SETTLES_IN

    def __init__(
        self,
        around: Surroundings,
        shape: Shape,
        *,
        pool: str,
        read_every: timedelta,
        judge: Judge = verdict,
    ) -> None:
        self.name, self.read_every = shape.layer, read_every
        self._around, self._shape, self._named, self._judge = around, shape, pool, judge
        self._desk = Desk(around)
        self._shown: tuple[Was, ...] = ()
        self._pool = ""
        self._forget()

    def _forget(self) -> None:
        self._instance: Json | None = None
        self._me: Myself | None = None
        self._body: Json | None = None
        self._own = Own(addresses=(), configurations=frozenset())
        self._swaps = False

    # --- what it says of itself ---

    @property
    def cordons(self) -> bool:
        return self._shape.cordons and not self._desk.refusals.stands

    @property
    def isolates(self) -> bool:
        return self._shape.leaves and not self._desk.refusals.stands

    @property
    def refusal(self) -> str:
        return self._desk.refusals.reason

    def undo(self) -> str:
        return self._shape.undo(self._pool or self._named, self._shown)

    def in_flight(self) -> Work:
        """The balancer counts nothing that can be read here, so this layer adds none."""
        return InFlight(count=0)

    def in_service_count(self) -> int | Unmeasured:
        """Other elements that take new work, administratively, as last read."""
        body = self._body
        if body is None:
            return Unmeasured(reason="the pool was not read yet")
        return read_as_ours(lambda: self._others(body))

    def _others(self, body: Json) -> int:
        listed = self._shape.elements(body, self._pool)
        return sum(1 for each in listed if not self._mine(each) and self._shape.taking(each))

    def rest(self) -> None:
        if self._desk.rest():
            self._forget()

    def close(self) -> None:
        self._desk.arm.close()

    # --- verbs ---

    def membership(self) -> Membership:
        self._desk.reads.throttled()
        return self._desk.verb(self._membership)

    def cordon(self) -> Progress:
        return self._desk.verb(self._leave)

    def isolate(self, was: Membership) -> Progress:
        if not self._shape.leaves:
            raise Refused("cannot-isolate", "this layer stops new work, it removes nothing")
        return self._desk.verb(self._leave) if was.taking_work else Done()

    def restore(self, was: Membership) -> Progress:
        return self._desk.verb(lambda: self._return(was))

    # --- reading ---

    def _membership(self) -> Membership:
        self._desk.glance()
        write = self._desk.writer.under_way
        if write is None or self._body is None:
            self._look()
        return self._read(leaving=write is not None and write.purpose is Purpose.REMOVE)

    def _look(self, *, within: timedelta = INTERFACES_GOOD_FOR) -> None:
        """Read this VM's addresses, and the list. `within`: how old the addresses may be."""
        try:
            self._find(within)
            self._body = self._desk.reads.fresh(self._shape.resource(self._pool))
        except Refused as error:
            if error.kind != "azure-not-found" or not self._pool:
                self._desk.refusals.unread(error)
                raise
            self._body = None
        self._desk.refusals.was_read()
        if taking := tuple(was for was in self._ours() if self._shape.taking(was.element)):
            self._shown = taking

    def _find(self, within: timedelta) -> None:
        reads = self._desk.reads
        if self._me is None:
            self._instance = self._instance or self._desk.arm.instance()
            self._me = known_as(self._instance, reads.fresh(resource_of(self._instance)))
        interfaces = [self._interface(each, within) for each in self._me.interfaces]
        self._own = Own(
            addresses=tuple(address for interface in interfaces for address in addresses(interface)),
            configurations=frozenset(
                key(one["id"]) for each in interfaces for one in configurations(each) if one.get("id")
            ),
            networks=frozenset(network for each in interfaces for network in networks(each)),
        )
        beside = next(iter(self._me.interfaces), self._me.resource_id)
        self._pool = spelled(
            self._named, beside=beside, provider=self._shape.provider, child="backendAddressPools"
        )

    def _interface(self, interface_id: str, within: timedelta) -> Json:
        reads = self._desk.reads
        try:
            return reads.lately(interface_id, within=within) if within else reads.fresh(interface_id)
        except Refused as error:
            if error.kind != "azure-not-found":
                raise
            self._me = self._instance = None  # it has another one now, as after a redeploy
            raise Transient("azure-moved", f"{interface_id} is gone: looking for this VM again") from error

    def _mine(self, element: Json) -> bool:
        return self._shape.ours(element, self._own)

    def _ours(self) -> tuple[Was, ...]:
        if self._body is None:
            return ()
        return seen(self._shape.elements(self._body, self._pool), self._mine)

    def _read(self, *, leaving: bool) -> Membership:
        if self._body is None:
            return Membership(entries=())
        ours = self._ours()
        name = short(self._pool)
        if any(self._shape.taking(was.element) for was in ours):
            standing = Standing.LEAVING if leaving else Standing.IN
            return Membership(entries=(Entry(name=name, standing=standing, detail=written(ours)),))
        gone = Entry(name=name, standing=Standing.OUT, isolated=not ours, detail=written(ours))
        return Membership(entries=(gone,))

    # --- leaving ---

    def _leave(self) -> Progress:
        self._desk.refusals.check()
        if (running := self._desk.running()) is not None:
            return running
        self._look()
        if self._body is None or not any(self._shape.taking(was.element) for was in self._ours()):
            return Done()
        if updating(self._body):
            return Pending(reason=f"a write to {short(self._pool)} still runs")
        self._prove_swaps()
        if not self._desk.proofs.proven(self._target):
            self._keep_way_out()
            return self._desk.begin(
                self._write(Purpose.PROOF, self._body),
                f"{short(self._pool)} is written as it is",
            )
        self._desk.refusals.forget()
        body = self._changed(lambda listed: self._shape.out(listed, self._own))
        return self._desk.begin(self._write(Purpose.REMOVE, body), f"leaves {short(self._pool)}")

    def _keep_way_out(self) -> None:
        """Raises Refused where this VM would lose its way to the management API, or may."""
        if not self._shape.leaves or self._shape.provider != "loadBalancers" or self._around.egress_verified:
            return
        assert self._me is not None
        for each in self._me.interfaces[:1]:
            interface = self._desk.reads.lately(each, within=INTERFACES_GOOD_FOR)
            locked = way_out_of(
                self._desk.reads, interface, (self._pool,), self._judge, also=(parent(self._pool),)
            )
            if locked is not None:
                raise self._desk.refusals.refuse(locked)

    # --- coming back ---

    def _return(self, was: Membership) -> Progress:
        if (running := self._desk.running()) is not None:
            return running
        self._look(within=timedelta(0))
        owed = [each for entry in was.entries if entry.takes_work for each in recorded(entry.detail)]
        if not was.taking_work:
            return Done()
        if self._body is None:
            raise Refused("entry-gone", f"there is no {short(self._pool)} any more")
        if updating(self._body):
            return Pending(reason=f"a write to {short(self._pool)} still runs")
        taking = [each for each in owed if self._shape.taking(each.element)] or owed
        if not taking and not self._ours():
            raise Refused(
                "entry-unknown", f"what stood in {short(self._pool)} was not recorded: {self.undo()}"
            )
        body = self._changed(lambda listed: self._shape.back(listed, taking, self._own))
        if body == self._body:
            return Done()
        self._prove_swaps()
        return self._desk.begin(self._write(Purpose.RESTORE, body), f"comes back to {short(self._pool)}")

    # --- writing ---

    @property
    def _target(self) -> str:
        return self._shape.resource(self._pool)

    def _write(self, purpose: Purpose, body: Json) -> Write:
        assert self._body is not None
        etag = str(self._body.get("etag", ""))
        if not etag:
            raise Refused("no-concurrency-control", f"{short(self._pool)} has no etag to compare by")
        return Write(purpose=purpose, resource_id=self._target, body=body, if_match=etag)

    def _changed(self, change: Callable[[list[Json]], list[Json]]) -> Json:
        body = copy.deepcopy(self._body)
        assert body is not None
        listed = self._shape.elements(body, self._pool)
        listed[:] = change(list(listed))
        return body

    def _prove_swaps(self) -> None:
        """A write of what is there, under a wrong etag, must be refused (412). Raises Refused otherwise."""
        if self._swaps:
            return
        assert self._body is not None
        try:
            self._desk.arm.begin_put(self._target, self._body, if_match=WRONG_ETAG)
        except Transient as error:
            if error.kind != "azure-precondition":
                raise
            self._swaps = True
            return
        except Refused as error:
            raise self._desk.refusals.refuse(error) from error
        raise self._desk.refusals.refuse(
            Refused(
                "no-concurrency-control",
                f"{short(self._pool)} was written under a wrong etag: entries of others could be lost here. "
                "It is left alone; use azure-nic-pool or health-probe",
            )
        )
