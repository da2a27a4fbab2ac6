"""Episodes that take every acting step, each told twice: whole, and with a death at one point."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

from drainer.budgets.memory import Ledger
from drainer.core.model import At, Blank, Document, EventStatus, Healthy, Membership, Stage, Unreadable, Vm
from drainer.core.record import Body
from drainer.journal import read_line
from drainer.ownership import Owner
from tests.crash.mortal import Hand, MortalApprovals, MortalBudget, MortalFeed, MortalHooks, MortalLayer
from tests.world import START, Died, MortalStore, World, reboot, seconds

OTHER = Vm(name="vm2", id="id-2")

Mark = tuple[str, int, Body | bool]
"""A write and its body, or a verb and whether it could be done by half."""


class TracingStore(MortalStore):
    trace: list[Mark]

    def append(self, line: str) -> None:
        self.trace.append(("write", self.writes, read_line(line).body))
        super().append(line)


class OtherFeed(MortalFeed):
    """What another VM's platform says: that VM's name and id, and nothing announced."""

    def latest(self) -> Document | Unreadable:
        document = super().latest()
        return replace(document, vm=OTHER, events=()) if isinstance(document, Document) else document


class Told:
    """One life after another over the same world, with all ports there are; `restart` follows a death."""

    def __init__(self, restart: str) -> None:
        self.trace: list[Mark] = []
        self.store = TracingStore()
        self.store.trace = self.trace
        self.world = world = World(store=self.store, stages=frozenset(Stage))
        self.hand = hand = Hand(
            world.clock, lambda number, halves: self.trace.append(("verb", number, halves))
        )
        self.probe = MortalLayer("probe", world.clock, hand, isolates=False)
        self.web = MortalLayer("web", world.clock, hand, isolates=True)
        self.was = self.memberships()
        self.ledger = Ledger(max_unavailable=1)
        self.budget = MortalBudget(self.ledger, holder="vm1", clock=world.clock)
        self.approvals = MortalApprovals("vm1")
        self.feed, self.hooks = MortalFeed(world.clock), MortalHooks()
        for port in (self.budget, self.approvals, self.feed, self.hooks):
            port.hand = hand
        world.with_ports(
            layers=(self.probe, self.web),
            budget=self.budget,
            approvals=self.approvals,
            feed=self.feed,
            hooks=self.hooks,
        )
        self.restart = restart
        self.deaths = 0
        self.verbs_at_death = 0
        self.changes_at_death = 0

    def _trace_verb(self, number: int, halves: bool) -> None:
        self.trace.append(("verb", number, halves))

    def memberships(self) -> tuple[Membership, ...]:
        """As the balancers have it; nothing in the air is let down by looking."""
        return tuple(
            Membership(entries=tuple(layer.watched.entries.values()), generation="1")
            for layer in (self.probe, self.web)
        )

    @property
    def changes(self) -> int:
        """Writes of ours that changed a layer."""
        return len(self.probe.watched.changes) + len(self.web.watched.changes)

    def pass_time(self, span: int, step: int) -> None:
        for _ in range(0, span, step):
            self.hand.land()
            try:
                self.world.tick()
            except Died:
                self._die()
            self.world.clock.advance(seconds(step))

    def _die(self) -> None:
        self.deaths += 1
        self.verbs_at_death, self.changes_at_death = self.hand.count, self.changes
        match self.restart:
            case "same boot":
                self.world.restart()
            case "new boot":
                self.world.restart(boot="boot-2")
            case _:
                self._wake_elsewhere()

    def _wake_elsewhere(self) -> None:
        """The disk turns up under another VM: its journal is set aside, as the daemon does."""
        episode = self.world.state.episode
        owner = Owner(id=episode.vm_id, name=episode.vm) if episode else Owner(id="id-1", name="vm1")
        assert owner.is_other_than(OTHER)
        self.store.set_aside(f"of-{owner}")
        feed = OtherFeed(self.world.clock)
        feed.hand = self.hand
        self.world.with_ports(feed=feed)
        self.world.restart(boot="boot-2")


def maintained(told: Told) -> None:
    """Two reboots, the second announced while the first one's quiet is noted; one has a sibling."""
    both = ("vm1", "vm2")
    told.feed.events = (reboot(resources=both),)
    told.pass_time(6, 2)
    later = At(at=START + timedelta(minutes=5))
    told.feed.events = (reboot(resources=both, not_before=later),)
    told.pass_time(14, 2)
    told.approvals.board["E1"].add("vm2")
    told.pass_time(12, 2)
    told.feed.events = (reboot(resources=both, status=EventStatus.STARTED, not_before=Blank()),)
    told.pass_time(9, 3)
    told.feed.events = ()
    told.pass_time(6, 3)
    told.feed.events = (reboot("E2", not_before=At(at=START + timedelta(minutes=5))),)
    told.pass_time(20, 2)
    told.feed.events = (reboot("E2", status=EventStatus.STARTED, not_before=Blank()),)
    told.pass_time(9, 3)
    told.feed.events = ()
    told.pass_time(160, 5)


def meddled(told: Told) -> None:
    """An application that fails from the beginning, a layer unread at the opening, and an operator who gives
    a layer back while this VM is out."""
    told.world.application.fail()
    told.web.watched.readable = False
    told.feed.events = (reboot(),)
    told.pass_time(6, 2)
    told.web.watched.readable = True
    told.pass_time(20, 2)
    for name in told.web.watched.entries:
        told.web.watched.put_in(name)
    told.pass_time(10, 2)
    told.feed.events = (reboot(status=EventStatus.STARTED, not_before=Blank()),)
    told.pass_time(9, 3)
    told.feed.events = ()
    told.pass_time(60, 5)
    told.world.application.health = Healthy()  # a later life cannot know that it failed all along
    told.pass_time(120, 5)


STORIES: dict[str, Callable[[Told], None]] = {"maintained": maintained, "meddled": meddled}
RESTARTS: Sequence[str] = ("same boot", "new boot", "another VM")
