"""Acceptance cases of the balancer's side: layers that fail, answer late, or belong to others too."""

from __future__ import annotations

from datetime import timedelta

import pytest

from drainer.backends.fake import Balancer, Fault
from drainer.core.model import At, InFlight, Standing, Unmeasured
from drainer.core.wish import Resume
from drainer.errors import Transient
from tests.world import START, World, reboot, seconds

OUT, IN = Standing.OUT, Standing.IN


def test_wait_until_unused() -> None:
    """The balancer confirms late: acknowledged only once the layer reads Out."""
    world = World()
    world.balancer.reads_until_out = 60
    world.feed.events = (reboot(),)
    assert world.waits_for(world.pass_time(seconds(30))) == "draining"
    assert world.feed.acknowledged == []
    world.pass_time(seconds(60))
    assert world.feed.acknowledged == ["E1"]


def test_waiter_timeout() -> None:
    """It never confirms: the deadline ends the drain, and nothing is acknowledged unproven."""
    world = World(two=True)
    world.probe.balancer.reads_until_out = 10_000
    world.feed.events = (reboot(),)
    assert world.waits_for(world.pass_time(seconds(125))) == "notice pending"
    assert world.steps == ["cordon", "isolate"]
    assert world.feed.acknowledged == []


def test_waiter_fail() -> None:
    """The call fails: it is retried until it works, and then everything follows."""
    world = World()
    world.fake.arm(*[Fault.LOST_BEFORE] * 4)
    world.feed.events = (reboot(),)
    world.pass_time(seconds(60))
    assert world.steps == [*["cordon"] * 5, "isolate", "acknowledge"]


def test_waiter_not_found() -> None:
    """The entry was deleted while it was out: giving it back is over at once, and said."""
    world = World()
    world.feed.events = (reboot(),)
    world.pass_time(seconds(5))
    world.balancer.remove("fake")
    world.feed.events = ()
    world.pass_time(seconds(60))
    assert not world.open
    assert world.outcomes[-1].kind == "entry-gone"


def test_already_removed_is_success() -> None:
    """Missing from the pool at drain: drained, acknowledged, and never added."""
    world = World()
    world.balancer.remove("fake")
    world.feed.events = (reboot(),)
    world.pass_time(seconds(5))
    assert world.steps == ["acknowledge"]
    world.feed.events = ()
    world.pass_time(seconds(60))
    assert not world.open
    assert world.balancer.entries == {}


def test_long_connections() -> None:
    """One connection lives on: waited for to the limit, the count shown, not acknowledged."""
    world = World()
    world.application.work = InFlight(count=1)
    world.feed.events = (reboot(),)
    tick = world.pass_time(seconds(60))
    assert world.waits_for(tick) == "draining"
    assert tick.seen.work == InFlight(count=1)
    world.pass_time(seconds(70))
    assert world.steps == ["cordon", "isolate"]


def test_unmeasured_work_waits_the_whole_timeout() -> None:
    """What cannot be counted proves nothing: the whole drain timeout, and no acknowledgement."""
    world = World()
    world.application.work = Unmeasured(reason="UDP")
    world.feed.events = (reboot(),)
    assert world.waits_for(world.pass_time(seconds(115))) == "draining"
    world.pass_time(seconds(10))
    assert world.steps == ["cordon", "isolate"]


def test_a_layer_that_cannot_count_now_leaves_the_whole_unmeasured() -> None:
    """A balancer that counts this VM's work but cannot now is no zero."""
    world = World(two=True)
    world.probe.in_flight = lambda: Unmeasured(reason="no prober seen")  # type: ignore[method-assign]
    world.feed.events = (reboot(),)
    assert world.waits_for(world.pass_time(seconds(60))) == "draining"


def test_fail_check_then_listeners() -> None:
    """Fails twice, then works; undo is named in the intent, and giving back works."""
    world = World()
    world.fake.arm(Fault.LOST_BEFORE, Fault.LOST_AFTER)
    world.feed.events = (reboot(),)
    world.pass_time(seconds(30))
    world.feed.events = ()
    world.pass_time(seconds(60))
    assert world.balancer.entries["fake"].standing is IN
    intended = [line for line in world.lines if line["event"] == "cordon.intended"]
    assert all("put in by hand" in line["undo"][0] for line in intended)


def test_partial_fan_out() -> None:
    """Part of a layer rejects: retried, never rolled back, never half given back."""
    world = World()
    world.balancer.entries = Balancer(("a", "b")).entries
    world.fake.arm(Fault.PARTIAL)
    world.feed.events = (reboot(),)
    world.tick()
    assert [e.standing for e in world.balancer.entries.values()] == [OUT, IN]
    world.pass_time(seconds(10))
    assert [e.standing for e in world.balancer.entries.values()] == [OUT, OUT]
    world.feed.events = ()
    world.fake.arm(Fault.PARTIAL)
    world.pass_time(seconds(90))
    assert [e.standing for e in world.balancer.entries.values()] == [IN, IN]
    assert not world.open


def test_one_layer_does_not_wait_for_another() -> None:
    """The probe fails for ever: the pool is still removed by the deadline, and given back afterwards."""
    world = World(two=True)
    world.feed.events = (reboot(),)
    world.tick()
    world.probe.balancer.readable = False
    world.pass_time(timedelta(minutes=5))
    assert world.pool.standing is OUT
    world.feed.events = ()
    assert world.waits_for(world.pass_time(seconds(60))) == "blind"
    assert world.pool.standing is IN
    world.probe.balancer.readable = True
    world.pass_time(seconds(30))
    assert world.probe.standing is IN
    assert not world.open


def test_a_layer_first_read_later_joins_the_open_episode() -> None:
    """Unread when the episode opened, then read: recorded, isolated, and given back."""
    world = World(two=True)
    world.pool.balancer.readable = False
    world.feed.events = (reboot(),)
    world.pass_time(seconds(5))
    assert world.episode.layers["pool"].was is None
    world.pool.balancer.readable = True
    world.pass_time(seconds(10))
    assert world.pool.standing is OUT
    world.feed.events = ()
    world.pass_time(seconds(60))
    assert (world.probe.standing, world.pool.standing) == (IN, IN)


def test_an_operators_return_is_yielded_to_the_second_time() -> None:
    """Put back once: taken out again. Put back twice: left in, its lease released, until `resume`."""
    world = World()
    world.feed.events = (reboot(not_before=At(at=START + timedelta(minutes=4))),)
    world.pass_time(seconds(5))
    world.balancer.put_in("fake")
    world.pass_time(seconds(5))
    assert world.balancer.entries["fake"].standing is OUT
    world.balancer.put_in("fake")
    assert world.waits_for(world.pass_time(timedelta(minutes=6))) == "yielded"
    assert world.balancer.entries["fake"].standing is IN
    world.wish(Resume())
    world.pass_time(seconds(5))
    assert world.balancer.entries["fake"].standing is OUT


def test_a_restart_of_the_balancer_is_no_operator() -> None:
    """A balancer that forgets the drain over and over is told again each time."""
    world = World()
    world.feed.events = (reboot(),)
    for _ in range(4):
        world.pass_time(seconds(5))
        assert world.balancer.entries["fake"].standing is OUT
        world.balancer.restart()
    world.pass_time(seconds(5))
    assert not world.episode.yielded


def test_our_own_lost_restores_are_no_operator() -> None:
    """Quiet and threat alternate and every answer is lost: nobody is yielded to."""
    world = World()
    for _ in range(4):
        world.feed.events = (reboot(),)
        world.pass_time(seconds(10))
        assert world.balancer.entries["fake"].standing is OUT
        world.feed.events = ()
        world.fake.arm(Fault.LOST_AFTER)
        world.pass_time(seconds(33))
    assert not world.open or not world.episode.yielded


def test_an_operator_who_takes_it_out_meanwhile_is_not_overruled() -> None:
    """What was out when the episode opened, layer by layer, stays out."""
    world = World(two=True)
    world.pool.balancer.take_out("pool")
    world.feed.events = (reboot(),)
    world.pass_time(seconds(5))
    world.feed.events = ()
    world.pass_time(seconds(60))
    assert (world.probe.standing, world.pool.standing) == (IN, OUT)


def test_a_write_that_lands_late_is_waited_for() -> None:
    """A cordon whose answer was lost may land after the restore: nothing is closed before that."""
    world = World()
    world.fake.arm(Fault.LANDS_LATE)
    world.feed.events = (reboot(),)
    world.tick()
    world.feed.events = ()
    world.pass_time(seconds(120))
    assert world.balancer.entries["fake"].standing is IN
    assert not world.open


def test_nothing_is_taken_where_only_removal_is_offered_before_the_gate() -> None:
    """Where no layer cordons, the first one's removal is its cordon."""
    world = World(two=True)
    world.with_ports(layers=(world.pool,))
    world.feed.events = (reboot(),)
    world.pass_time(seconds(5))
    assert world.steps == ["cordon", "acknowledge"]
    assert world.pool.standing is OUT


# --- the fleet's limits ---------------------------------------------------------------------------


def test_keep_last_holds_past_force() -> None:
    """The last member in service is never taken out, not even past force."""
    world = World()
    world.balancer.others = 0
    world.feed.events = (reboot(),)
    assert world.waits_for(world.pass_time(timedelta(minutes=10))) == "gate keep-last"
    assert world.steps == []


def test_keep_last_is_judged_again_when_somebody_put_us_back() -> None:
    """Put back while the others are gone: the VM stays in."""
    world = World(two=True)
    world.feed.events = (reboot(),)
    world.pass_time(seconds(5))
    world.probe.balancer.put_in("probe")
    world.pool.balancer.others = 0
    assert world.waits_for(world.pass_time(seconds(5))) == "gate keep-last"
    assert world.probe.standing is IN


def test_min_in_service_holds_until_force() -> None:
    """Too few others: waited for until force, not beyond."""
    world = World()
    policy = world.policy
    world.policy = type(policy)(rules=policy.rules, backend=policy.backend, min_in_service=3)
    world.restart()
    world.feed.events = (reboot(),)
    assert world.waits_for(world.pass_time(timedelta(minutes=2, seconds=58))) == "gate min-in-service"
    world.pass_time(seconds(5))
    assert world.steps[0] == "cordon"


def test_an_uncounted_pool_leaves_the_gates_open() -> None:
    """Where nobody can tell who else is in service, no gate of members closes."""
    world = World()
    world.balancer.others = 0
    world.fake.in_service_count = raising  # type: ignore[method-assign]
    world.feed.events = (reboot(),)
    world.pass_time(seconds(5))
    assert world.steps == ["cordon", "isolate", "acknowledge"]


def raising() -> int:
    raise Transient("no-answer", "nobody counts")


@pytest.mark.parametrize("fault", list(Fault))
def test_every_fault_at_every_verb_ends_where_it_began(fault: Fault) -> None:
    """One fault at the n-th verb of an episode changes the way, never the end of it."""
    for at in range(4):
        world = World(two=True)
        for layer in (world.probe, world.pool):
            layer._faults.extend([None] * at)  # type: ignore[list-item]
            layer.arm(fault)
        world.feed.events = (reboot(),)
        world.pass_time(seconds(30))
        assert world.feed.acknowledged == ["E1"]
        world.feed.events = ()
        world.pass_time(seconds(120))
        assert not world.open
        assert (world.probe.standing, world.pool.standing) == (IN, IN)
