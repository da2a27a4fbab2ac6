"""Operators' wishes: what each does, and that it survives restarts and reboots."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from drainer.budgets.memory import Ledger, MemoryBudget
from drainer.core.model import At, InFlight, Standing, Unreadable
from drainer.core.wish import Adopt, Drain, Force, Hold, Restore, Resume, Skip
from drainer.errors import Broken
from tests.world import START, MortalStore, World, reboot, seconds

IN, OUT = Standing.IN, Standing.OUT
BLIND = Unreadable(kind="no-answer", reason="silence")
Life = Callable[[World], None]


def same(world: World) -> None:
    """No new life."""


def restarted(world: World) -> None:
    world.restart()


def rebooted(world: World) -> None:
    world.restart(boot="boot-2")


every_life = pytest.mark.parametrize("life", [same, restarted, rebooted])


def standing(world: World) -> Standing:
    return world.balancer.entries["fake"].standing


def out(world: World) -> World:
    """Drained for a Reboot, which is still listed."""
    world.feed.events = (reboot(),)
    world.pass_time(seconds(10))
    assert standing(world) is OUT
    return world


@every_life
def test_a_drain_with_an_end_holds_until_then(life: Life) -> None:
    """Out until the instant named, whoever restarts meanwhile."""
    world = World()
    world.wish(Drain(reason="upgrade", until=START + timedelta(minutes=30)))
    world.pass_time(seconds(5))
    life(world)
    world.pass_time(timedelta(minutes=20))
    assert standing(world) is OUT
    assert world.feed.acknowledged == []
    world.pass_time(timedelta(minutes=12))
    assert standing(world) is IN
    assert world.state.wishes.drain is None


@pytest.mark.parametrize(("life", "ends"), [(same, OUT), (restarted, OUT), (rebooted, IN)])
def test_a_drain_without_an_end_holds_until_the_next_boot(life: Life, ends: Standing) -> None:
    """A restart of the daemon changes nothing; a reboot of the machine ends it."""
    world = World()
    world.wish(Drain(reason="reboot by hand"))
    world.pass_time(seconds(5))
    life(world)
    world.pass_time(timedelta(minutes=30), step=seconds(5))
    assert standing(world) is ends


def test_a_drain_acts_also_when_blind() -> None:
    """A wish is an input of its own: no document is needed to take out or to keep out."""
    world = World()
    world.feed.blind = BLIND
    world.wish(Drain(reason="now"))
    world.pass_time(seconds(5))
    assert world.steps == ["cordon", "isolate"]


@every_life
def test_a_skip_drops_an_id_until_it_vanishes(life: Life) -> None:
    """Skipped while out: given back, and not taken again until the id is listed anew."""
    world = out(World())
    world.wish(Skip(event_id="E1"))
    life(world)
    world.pass_time(seconds(60))
    assert standing(world) is IN
    world.feed.events = ()
    world.pass_time(seconds(5))
    assert world.state.wishes.skips == frozenset()
    world.feed.events = (reboot(),)
    world.pass_time(seconds(5))
    assert standing(world) is OUT


def test_a_skipped_notice_forces_nothing_when_blind() -> None:
    """Skipped before its force, then blind: the journalled force of it is nobody's."""
    world = World()
    world.with_ports(budget=MemoryBudget(Ledger(max_unavailable=0), holder="vm1", clock=world.clock))
    world.feed.events = (reboot(),)
    world.pass_time(seconds(5))
    world.feed.blind = BLIND
    world.wish(Skip(event_id="E1"))
    world.pass_time(timedelta(minutes=10))
    assert standing(world) is IN


@every_life
def test_a_hold_takes_nothing_out(life: Life) -> None:
    """A hard gate, past force too, until it ends."""
    world = World()
    world.wish(Hold(until=START + timedelta(minutes=10)))
    world.feed.events = (reboot(),)
    life(world)
    assert world.waits_for(world.pass_time(timedelta(minutes=8))) == "gate hold"
    assert world.steps == []
    world.pass_time(timedelta(minutes=3))
    assert standing(world) is OUT
    assert world.state.wishes.hold_until is None


@every_life
def test_a_hold_gives_nothing_back(life: Life) -> None:
    """Out stays out while an operator holds; resume ends it."""
    world = out(World())
    world.feed.events = ()
    world.wish(Hold(until=START + timedelta(hours=5)))
    life(world)
    assert world.waits_for(world.pass_time(timedelta(minutes=30), step=seconds(5))) == "hold"
    world.wish(Resume())
    world.pass_time(seconds(10))
    assert standing(world) is IN


@every_life
def test_force_is_now(life: Life) -> None:
    """Budget and soft gates no longer hold; the wish ends with the episode."""
    world = World()
    world.with_ports(budget=MemoryBudget(Ledger(max_unavailable=0), holder="vm1", clock=world.clock))
    world.feed.events = (reboot(not_before=At(at=START + timedelta(minutes=5))),)
    assert world.waits_for(world.pass_time(seconds(5))) == "gate budget"
    world.wish(Force())
    life(world)
    world.pass_time(seconds(5))
    assert standing(world) is OUT
    world.feed.events = ()
    world.pass_time(seconds(60))
    assert world.state.wishes.force_at is None


def test_force_works_blind() -> None:
    """The document cannot be read, and an operator says that force is now."""
    world = World()
    world.with_ports(budget=MemoryBudget(Ledger(max_unavailable=0), holder="vm1", clock=world.clock))
    world.feed.events = (reboot(),)
    world.pass_time(seconds(5))
    world.feed.blind = BLIND
    world.wish(Force())
    world.tick()
    assert standing(world) is OUT


def test_force_over_nothing_does_not_linger() -> None:
    """Nothing is announced: a force is over at once, and forces no later maintenance."""
    world = World()
    world.wish(Force())
    world.pass_time(seconds(2))
    assert world.state.wishes.force_at is None


def test_force_does_not_overrule_the_last_member() -> None:
    """Keep-last holds past any force."""
    world = World()
    world.balancer.others = 0
    world.feed.events = (reboot(),)
    world.wish(Force())
    assert world.waits_for(world.pass_time(seconds(30))) == "gate keep-last"


@every_life
def test_restore_gives_back_at_once(life: Life) -> None:
    """Everything present is skipped, nothing settles; the notice does not take it out again."""
    world = out(World())
    world.wish(Restore(event_ids=("E1",)))
    life(world)
    world.pass_time(seconds(8))
    assert standing(world) is IN
    world.pass_time(timedelta(minutes=5))
    assert standing(world) is IN
    assert not world.open


@every_life
def test_restore_gives_back_when_blind(life: Life) -> None:
    """No document is needed to give back; once there is one, what the journal knew stays skipped."""
    world = out(World())
    world.feed.blind = BLIND
    world.wish(Restore())
    life(world)
    world.pass_time(seconds(8))
    assert standing(world) is IN
    world.feed.blind = None
    world.pass_time(seconds(60))
    assert standing(world) is IN


def test_restore_ends_an_operators_drain() -> None:
    """A drain by hand is over with it."""
    world = World()
    world.wish(Drain(reason="test"))
    world.pass_time(seconds(5))
    world.wish(Restore())
    world.pass_time(seconds(10))
    assert standing(world) is IN
    assert world.state.wishes.drain is None
    assert world.state.wishes.skips == frozenset()


def test_a_new_notice_ends_a_restore() -> None:
    """A threat that nobody skipped counts: out again, and settling is back."""
    world = out(World())
    world.wish(Restore(event_ids=("E1",)))
    world.feed.events = (reboot(), reboot("E2"))
    world.pass_time(seconds(5))
    assert standing(world) is OUT
    world.feed.events = ()
    assert world.waits_for(world.pass_time(seconds(20))) == "settling"


@every_life
def test_adopt_gives_back_what_a_lost_journal_forgot(life: Life) -> None:
    """The journal is lost and the VM is out: adopted, everything in the layers is given back."""
    world = World()
    world.balancer.take_out("fake")
    assert world.waits_for(world.pass_time(seconds(30))) == "steady"
    world.wish(Adopt(layers={"fake": world.fake.membership()}))
    life(world)
    world.pass_time(seconds(10))
    assert standing(world) is IN
    assert not world.open


@every_life
def test_adopt_reads_later_what_it_could_not_read(life: Life) -> None:
    """A layer unread at adopting counts as was In as soon as it is read."""
    world = World()
    world.balancer.take_out("fake")
    world.balancer.readable = False
    world.wish(Adopt(layers={"fake": None}))
    life(world)
    assert world.waits_for(world.pass_time(seconds(30))) == "blind"
    world.balancer.readable = True
    world.pass_time(seconds(10))
    assert standing(world) is IN


def test_adopt_takes_over_what_an_open_episode_did_not_record() -> None:
    """A layer unread when the episode opened, out by a forgotten hand: adopted, it comes back too."""
    world = World(two=True)
    world.pool.balancer.take_out("pool")
    world.pool.balancer.readable = False
    world.feed.events = (reboot(),)
    world.pass_time(seconds(5))
    world.wish(Adopt(layers={"probe": None, "pool": None}))
    world.pool.balancer.readable = True
    world.pass_time(seconds(5))
    world.feed.events = ()
    world.pass_time(seconds(60))
    assert (world.probe.standing, world.pool.standing) == (IN, IN)


def test_adopt_under_a_threat_waits_for_it() -> None:
    """Adopted while a notice is listed: drained for first, given back afterwards."""
    world = World()
    world.balancer.take_out("fake")
    world.application.work = InFlight(count=0)
    world.feed.events = (reboot(),)
    world.wish(Adopt(layers={"fake": world.fake.membership()}))
    world.pass_time(seconds(10))
    assert standing(world) is OUT
    world.feed.events = ()
    world.pass_time(seconds(60))
    assert standing(world) is IN


def test_a_wish_that_cannot_be_written_is_not_granted() -> None:
    """No record, no wish: the operator is told."""
    store = MortalStore()
    store.full = Broken("journal-unwritable", "no space left")
    world = World(store=store)
    with pytest.raises(Broken):
        world.wish(Drain(reason="test"))
    assert world.state.wishes.drain is None
