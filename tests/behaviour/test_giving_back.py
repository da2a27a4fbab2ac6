"""Acceptance cases of giving back: when, in what order, and what may not stop it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from drainer.backends.fake import Balancer, FakeBackend, Fault
from drainer.budgets.memory import Ledger, MemoryBudget
from drainer.core.model import (
    At,
    Denied,
    EventStatus,
    Footing,
    Granted,
    Healthy,
    InFlight,
    Phase,
    Standing,
    Unreadable,
)
from drainer.core.wish import Resume
from drainer.errors import Broken, Refused, Transient
from tests.world import START, MortalStore, World, reboot, seconds

IN, OUT = Standing.IN, Standing.OUT
FULL = Broken("journal-unwritable", "no space left")


def drained(world: World) -> World:
    world.feed.events = (reboot(),)
    world.pass_time(seconds(10))
    world.feed.events = ()
    return world


def budgeted(world: World, *, places: int = 1) -> Ledger:
    ledger = Ledger(max_unavailable=places)
    world.with_ports(budget=MemoryBudget(ledger, holder="vm1", clock=world.clock))
    return ledger


def test_reboot_restores() -> None:
    """Drained, rebooted, started on the new boot, the notice gone: given back once."""
    world = drained(World())
    world.restart(boot="boot-2")
    world.pass_time(seconds(40))
    assert world.steps == ["cordon", "isolate", "acknowledge", "restore"]
    assert not world.open


def test_pending_startup_delays_online() -> None:
    """Not ready for three minutes: it stays out until the deep check has passed as often as asked."""
    world = World()
    drained(world)
    world.application.fail()
    assert world.waits_for(world.pass_time(timedelta(minutes=3))) == "unhealthy"
    world.application.health = Healthy()
    assert world.waits_for(world.pass_time(seconds(3))) == "unhealthy"
    world.pass_time(seconds(5))
    assert world.steps[-1] == "restore"


def test_an_application_that_was_failing_all_along_does_not_hold_us_out() -> None:
    """Failing its deep check already when the episode began: given back as it was."""
    world = World()
    world.application.fail()
    drained(world)
    assert world.episode.failing
    world.pass_time(seconds(40))
    assert world.steps[-1] == "restore"


def test_a_later_life_does_not_call_a_starting_application_failing() -> None:
    """The machine rebooted between cordon and its note: an application still starting gates Restore."""
    store = MortalStore()
    world = World(store=store)
    world.feed.events = (reboot(),)
    store.dies_after = 2
    with pytest.raises(BaseException, match="after write 2"):
        world.tick()
    world.application.fail()
    world.restart(boot="boot-2")
    world.pass_time(seconds(5))
    assert world.episode.cordoned_at
    assert not world.episode.failing


def test_restore_api_down_long() -> None:
    """The balancer refuses to answer for half an hour: it is tried all along, and works in the end."""
    world = drained(World())
    world.balancer.readable = False
    assert world.waits_for(world.pass_time(timedelta(minutes=30), step=seconds(5))) == "blind"
    world.balancer.readable = True
    world.pass_time(seconds(40))
    assert world.balancer.entries["fake"].standing is IN


def test_refused_restore() -> None:
    """Refused a dozen times: tried at the longest back-off, never given up; `resume` tries at once."""
    world = drained(World())
    refusing = [Refused("forbidden", "403")] * 12

    def restore(was: object) -> object:
        if refusing:
            raise refusing.pop()
        return real(was)  # type: ignore[arg-type]

    real = world.fake.restore
    world.fake.restore = restore  # type: ignore[method-assign, assignment]
    world.pass_time(timedelta(minutes=2))
    backoff = world.reconciler.memory.backoffs["restore fake"]
    assert backoff.failures >= 7
    assert backoff.rests_for == seconds(30)
    refusing.clear()
    world.tick()
    assert world.balancer.entries["fake"].standing is OUT
    world.wish(Resume())
    world.tick()
    assert world.balancer.entries["fake"].standing is IN


def test_uncordon_even_when_label_missing() -> None:
    """One of several entries was deleted: the rest are given back."""
    world = World(two=True)
    drained(world)
    world.probe.balancer.remove("probe")
    world.pass_time(seconds(60))
    assert world.pool.standing is IN
    assert not world.open


def test_postponed_release_does_not_delay_restore() -> None:
    """Releasing fails for half an hour: traffic is back first, the lease later."""
    world = World()
    budgeted(world)
    drained(world)
    budget = world.ports.budget
    assert budget is not None
    release = budget.release
    budget.release = failing  # type: ignore[method-assign]
    world.pass_time(seconds(40))
    assert world.balancer.entries["fake"].standing is IN
    assert world.open
    world.pass_time(timedelta(minutes=5))
    budget.release = release  # type: ignore[method-assign]
    world.pass_time(seconds(40))
    assert not world.open


def failing() -> None:
    raise Transient("lock-server", "down")


def test_layers_come_back_bottom_up() -> None:
    """Given back in the opposite order in which they were taken."""
    world = World(two=True)
    drained(world)
    world.pass_time(seconds(60))
    given_back = [o.layers for o in world.outcomes if o.step == "restore"]
    assert given_back == [("pool",), ("probe",)]


def test_a_failing_layer_does_not_keep_another_out() -> None:
    """The lowest layer that is not backing off is next."""
    world = World(two=True)
    drained(world)
    world.pool.arm(*[Fault.LOST_BEFORE] * 3)
    world.pass_time(seconds(31))
    assert world.probe.standing is IN


@pytest.mark.parametrize(("footing", "settles"), [(Footing.STEADY, 30), (Footing.NEW, 300)])
def test_settles_as_long_as_the_silence_is_young(footing: Footing, settles: int) -> None:
    """Thirty seconds of quiet, or five minutes where the document's silence is young."""
    world = drained(World())
    world.feed.footing = footing
    assert world.waits_for(world.pass_time(seconds(settles - 1))) == "settling"
    world.pass_time(seconds(10))
    assert not world.open


def test_a_notice_that_comes_back_is_not_given_back_to() -> None:
    """Settling, then listed again: still out, and the settling starts anew."""
    world = drained(World())
    assert world.waits_for(world.pass_time(seconds(20))) == "settling"
    world.feed.events = (reboot(),)
    assert world.waits_for(world.pass_time(seconds(60))) == "notice pending"
    world.feed.events = ()
    assert world.waits_for(world.pass_time(seconds(29))) == "settling"


def test_a_full_disk_cannot_keep_us_out() -> None:
    """No record could be written since the drain: everything is given back all the same, and said."""
    store = MortalStore()
    world = drained(World(store=store))
    store.full = FULL
    world.pass_time(seconds(60))
    assert world.balancer.entries["fake"].standing is IN
    assert "journal.failed" in world.events
    assert world.reconciler.journal.unrecorded > 0
    store.full = None
    world.pass_time(seconds(60))
    assert not world.open
    assert world.reconciler.journal.unrecorded == 0
    world.restart()
    assert not world.open


def test_a_lease_is_not_released_unrecorded() -> None:
    """A later life would stand on it, while another VM has it; so on a full disk it waits, or lapses."""
    store = MortalStore()
    world = World(store=store)
    other = MemoryBudget(budgeted(world), holder="vm2", clock=world.clock)
    drained(world)
    store.full = FULL
    world.pass_time(seconds(60))
    assert world.balancer.entries["fake"].standing is IN
    assert isinstance(other.acquire(Phase.DRAINING, forced=False), Denied)
    store.full = None
    world.pass_time(seconds(60))
    assert not world.open
    assert isinstance(other.acquire(Phase.DRAINING, forced=False), Granted)


def test_no_record_no_act() -> None:
    """Nothing can be written: nothing is taken out."""
    store = MortalStore()
    store.full = FULL
    world = World(store=store)
    world.feed.events = (reboot(),)
    world.pass_time(timedelta(minutes=5))
    assert world.steps == []
    assert world.balancer.entries["fake"].standing is IN


def test_resume_in_progress() -> None:
    """Killed while waiting for the drain: the next life goes on waiting, and the deadline is not reset."""
    world = World()
    world.application.work = InFlight(count=1)
    world.feed.events = (reboot(),)
    world.pass_time(seconds(100))
    world.restart()
    assert world.waits_for(world.pass_time(seconds(15))) == "draining"
    world.pass_time(seconds(10))
    assert world.steps == ["cordon", "isolate"]


def test_lock_server_down_near_deadline() -> None:
    """The budget cannot be asked: waited for until force, then forced, and recorded so."""
    world = World()
    budgeted(world)
    budget = world.ports.budget
    assert budget is not None
    budget.acquire = unanswered  # type: ignore[method-assign, assignment]
    world.feed.events = (reboot(not_before=At(at=START + seconds(90))),)
    world.pass_time(seconds(29))
    assert "cordon" not in world.steps
    world.pass_time(seconds(5))
    assert "cordon" in world.steps
    intended = next(line for line in world.lines if line["event"] == "cordon.intended")
    assert intended["forced"] is True


def unanswered(phase: Phase, *, forced: bool) -> None:
    raise Transient("lock-server", "no answer")


def test_a_lease_is_taken_twice_and_given_back_once() -> None:
    """Draining before the cordon, rebooting before the acknowledgement, released after giving back."""
    world = World()
    ledger = budgeted(world)
    world.feed.events = (reboot(),)
    world.pass_time(seconds(5))
    assert world.steps == ["acquire", "cordon", "isolate", "acquire", "acknowledge"]
    assert [lease.phase for lease in ledger.live(world.now)] == [Phase.REBOOTING]
    world.feed.events = ()
    world.pass_time(seconds(60))
    assert ledger.live(world.now) == ()


def test_a_lease_that_we_stand_on_is_renewed() -> None:
    """A drain that outlasts its lease renews it at half its life, also when a try to renew fails."""
    world = World()
    ledger = budgeted(world)
    world.application.work = InFlight(count=1)
    world.feed.events = (reboot(not_before=At(at=START + timedelta(minutes=5))),)
    world.pass_time(seconds(62))
    assert world.steps.count("acquire") == 2
    assert ledger.holders(world.now) == ("vm1",)
    world.application.fail()
    world.feed.events = (reboot(status=EventStatus.STARTED),)
    world.pass_time(timedelta(hours=2), step=seconds(20))
    assert ledger.holders(world.now) == ("vm1",)


def test_a_wall_clock_set_back_over_a_reboot_traps_nobody() -> None:
    """The clock jumps back a year while the VM reboots: windows and settling still end."""
    world = World()
    ledger = budgeted(world)
    drained(world)
    world.fake.arm(Fault.LOST_AFTER)
    world.pass_time(seconds(31))
    world.clock.step_wall(-timedelta(days=365))
    world.restart(boot="boot-2")
    world.pass_time(timedelta(minutes=2))
    assert world.balancer.entries["fake"].standing is IN
    assert not world.open
    assert ledger.live(world.now) == ()


def test_a_layer_that_left_the_policy_keeps_the_episode_open() -> None:
    """The policy lost a layer of ours: nothing is closed over it; once known again, it is given back."""
    world = drained(World(two=True))
    layers = world.ports.layers
    world.with_ports(layers=layers[:1])
    assert world.waits_for(world.pass_time(timedelta(minutes=5))) == "blind"
    assert world.pool.standing is OUT
    world.with_ports(layers=layers)
    world.pass_time(seconds(60))
    assert world.pool.standing is IN
    assert not world.open


def test_blind_while_settling_gives_nothing_back() -> None:
    """Quiet was noted, then nothing can be read: out until a document says so."""
    world = drained(World())
    world.pass_time(seconds(5))
    world.feed.blind = Unreadable(kind="no-answer", reason="silence")
    assert world.waits_for(world.pass_time(timedelta(minutes=10))) == "blind"
    assert world.balancer.entries["fake"].standing is OUT


def test_what_an_operator_took_out_while_a_gate_held_us_is_theirs() -> None:
    """Taken out by hand before we touched it: not isolated, and not given back when the notice ends."""
    world = World()
    world.balancer.others = 0
    world.feed.events = (reboot(),)
    assert world.waits_for(world.pass_time(seconds(10))) == "gate keep-last"
    world.balancer.take_out("fake")
    world.pass_time(timedelta(minutes=5))
    assert not world.balancer.entries["fake"].isolated
    assert world.feed.acknowledged == ["E1"]
    world.feed.events = ()
    world.pass_time(timedelta(minutes=2))
    assert not world.open
    assert world.steps == ["acknowledge"]
    assert world.balancer.entries["fake"].standing is OUT


def test_one_entry_that_an_operator_took_out_while_a_gate_held_us_is_theirs() -> None:
    """Of two entries the one that we took out is given back, and the operator's stays out."""
    world = World()
    balancer = Balancer(("left", "right"), others=0)
    world.with_ports(layers=(FakeBackend(balancer, world.clock),))
    world.feed.events = (reboot(),)
    world.pass_time(seconds(10))
    balancer.take_out("left")
    world.tick()
    balancer.others = 2
    world.pass_time(seconds(10))
    assert balancer.entries["right"].standing is OUT
    world.feed.events = ()
    world.pass_time(timedelta(minutes=2))
    assert not world.open
    assert [balancer.entries[name].standing for name in ("left", "right")] == [OUT, IN]


def test_what_an_operator_takes_out_and_puts_in_while_a_gate_holds_us_is_ours_again() -> None:
    """Their second word counts: it is taken out under the notice, and given back."""
    world = World()
    world.balancer.others = 0
    world.feed.events = (reboot(),)
    world.pass_time(seconds(10))
    world.balancer.take_out("fake")
    world.tick()
    world.balancer.put_in("fake")
    world.tick()
    world.balancer.others = 2
    world.pass_time(seconds(10))
    world.feed.events = ()
    world.pass_time(timedelta(minutes=2))
    assert world.steps == ["cordon", "isolate", "acknowledge", "restore"]
    assert world.balancer.entries["fake"].standing is IN
