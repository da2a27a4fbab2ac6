"""What is rare, and must not be left to chance: siblings, answers that take time, ports that vanish."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from drainer.approvals import MemoryApprovals
from drainer.board import Snapshot
from drainer.budgets.memory import Ledger, MemoryBudget
from drainer.core.assess import Assessment, Observation
from drainer.core.decide import Decision
from drainer.core.model import At, Done, InFlight, Membership, Pending, Progress, Standing
from drainer.core.step import Note, Noting
from drainer.core.wish import Hold
from drainer.errors import Broken, Refused, Transient
from drainer.reconcile import MOST_STEPS, Reconciler
from drainer.status import status_of
from tests.world import START, MortalStore, World, reboot, seconds

OUT, IN = Standing.OUT, Standing.IN


def test_siblings_are_told_and_waited_for() -> None:
    """An event that names others: published when drained, acknowledged when all have said so."""
    world = World()
    approvals = MemoryApprovals("vm1")
    world.with_ports(approvals=approvals)
    world.feed.events = (reboot(resources=("vm1", "VM2")),)
    assert world.waits_for(world.pass_time(seconds(30))) == "notice pending"
    assert world.steps == ["cordon", "isolate", "publish"]
    approvals.board["E1"].add("vm2")
    world.pass_time(seconds(2))
    assert world.feed.acknowledged == ["E1"]


def test_publishing_that_fails_is_retried_and_answers_that_fail_are_no_yes() -> None:
    """A board that cannot be written is tried again; one that cannot be read says nothing."""
    world = World()
    approvals = MemoryApprovals("vm1")
    real, failures = approvals.publish, [Transient("board", "down")] * 3

    def publish(event_id: str) -> None:
        if failures:
            raise failures.pop()
        real(event_id)

    def published(event_id: str) -> frozenset[str]:
        raise Transient("board", "down")

    approvals.publish = publish  # type: ignore[method-assign]
    approvals.published = published  # type: ignore[method-assign]
    world.with_ports(approvals=approvals)
    world.feed.events = (reboot(resources=("vm1", "vm2")),)
    world.pass_time(seconds(60))
    assert world.steps.count("publish") == 4
    assert world.feed.acknowledged == []


def test_an_answer_that_takes_time_is_asked_after() -> None:
    """Pending is no failure: the step rests briefly and is asked after, and a return still counts."""
    world = World()
    cordon, pending = world.fake.cordon, [2]

    def slowly() -> Progress:
        if pending[0]:
            pending[0] -= 1
            return Pending(reason="202 accepted")
        return cordon()

    world.fake.cordon = slowly  # type: ignore[method-assign]
    world.feed.events = (reboot(),)
    world.pass_time(seconds(20))
    assert world.steps == ["cordon", "cordon", "cordon", "isolate", "acknowledge"]
    assert world.reconciler.memory.backoffs == {}


def test_a_return_counts_also_where_answers_take_time() -> None:
    """The layer was read back out, so that whoever gives it back means it, twice."""
    world = World()
    cordon = world.fake.cordon

    def eventually() -> Progress:
        taking = world.fake.membership().taking_work
        cordon()
        return Pending(reason="202 accepted") if taking else Done()

    world.fake.cordon = eventually  # type: ignore[method-assign]
    world.feed.events = (reboot(),)
    for _ in range(2):
        world.pass_time(seconds(20))
        assert world.balancer.entries["fake"].standing is OUT
        world.balancer.put_in("fake")
    assert world.waits_for(world.pass_time(seconds(20))) == "yielded"


def test_a_yielded_vm_gives_its_lease_back() -> None:
    """It takes work: a place in the budget would be held for nothing."""
    world = World()
    ledger = Ledger(max_unavailable=1)
    world.with_ports(budget=MemoryBudget(ledger, holder="vm1", clock=world.clock))
    world.feed.events = (reboot(),)
    for _ in range(2):
        world.pass_time(seconds(10))
        world.balancer.put_in("fake")
    assert world.waits_for(world.pass_time(seconds(10))) == "yielded"
    assert ledger.live(world.now) == ()


def test_a_release_that_was_not_answered_is_no_lease() -> None:
    """The release counted, its answer was lost, the threat returns: a place is asked for anew."""
    world = World()
    ledger = Ledger(max_unavailable=1)
    budget = MemoryBudget(ledger, holder="vm1", clock=world.clock)
    world.with_ports(budget=budget)
    world.feed.events = (reboot(),)
    world.pass_time(seconds(10))
    release = budget.release

    def lost() -> None:
        release()
        raise Transient("lock-server", "no answer")

    budget.release = lost  # type: ignore[method-assign]
    world.feed.events = ()
    world.pass_time(seconds(35))
    assert world.open
    world.feed.events = (reboot("E2"),)
    world.pass_time(seconds(10))
    assert ledger.holders(world.now) == ("vm1",)
    assert world.balancer.entries["fake"].standing is OUT


def test_a_note_in_the_log_says_why() -> None:
    """Whoever reads the log need not know the rows of the table."""
    world = World()
    world.feed.events = (reboot("E1"),)
    world.pass_time(seconds(5))
    notes = {said["event"]: said["reason"] for said in world.lines if said["event"].endswith(".noted")}
    assert notes["cordoned-at.noted"] == "no layer takes new work any more"


class Restless(Reconciler):
    """It always has one more thing to note."""

    def _decided(self, seen: Observation) -> tuple[Observation, Assessment, Decision]:
        seen, assessment, _ = super()._decided(seen)
        return seen, assessment, Decision(row="P6a", step=Note(what=Noting.TERMS))


def test_endless_steps_come_to_rest() -> None:
    """Steps without a wait are a livelock: said, and rested from."""
    world = World(reconciler=Restless)
    world.tick()
    assert world.events.count("terms.noted") == MOST_STEPS
    assert world.events[-1] == "step.livelock"


def test_a_cordon_that_does_not_hold_is_not_fought_for_ever() -> None:
    """A layer that says done and takes work still: tried twice, then left alone, and said."""
    world = World()
    world.fake.cordon = Done  # type: ignore[method-assign]
    world.feed.events = (reboot(),)
    assert world.waits_for(world.tick()) == "yielded"
    assert world.steps == ["cordon", "cordon"]


def test_dear_readings_are_kept_and_made_anew_before_a_write() -> None:
    """A layer that is read every half minute is read again before each write, not each second."""
    world = World()
    world.fake.read_every = seconds(30)
    reads: list[timedelta] = []
    membership = world.fake.membership

    def counted() -> Membership:
        reads.append(world.now.wall - START)
        return membership()

    world.fake.membership = counted  # type: ignore[method-assign]
    world.pass_time(seconds(59))
    assert reads == [seconds(0), seconds(30)]
    world.balancer.take_out("fake")
    world.balancer.put_in("fake")
    world.feed.events = (reboot(),)
    world.pass_time(seconds(1))
    assert reads[2] == seconds(59)
    assert world.steps[0] == "cordon"


def test_a_notice_at_the_end_of_time_is_shown() -> None:
    """NotBefore is the last date that there is, and the platform's clock is behind: waited for, and shown."""
    world = World()
    world.feed.skew = timedelta(days=-1)
    world.feed.events = (reboot(not_before=At(at=datetime.max.replace(tzinfo=UTC))),)
    tick = world.tick()
    assert world.waits_for(tick) == "steady"
    shown = status_of(Snapshot(tick=tick))
    assert [notice["id"] for notice in shown["notices"]] == ["E1"]
    assert shown["next_at"] is None


def test_wishes_that_ended_wait_for_the_disk() -> None:
    """The end of a hold cannot be written: the hold is over all the same, and nothing stops."""
    store = MortalStore()
    world = World(store=store)
    world.wish(Hold(until=START + seconds(10)))
    store.full = Broken("journal-unwritable", "full")
    assert world.waits_for(world.pass_time(seconds(20))) == "steady"
    store.full = None
    world.tick()
    assert world.state.wishes.hold_until is None


def test_a_budget_that_left_the_policy_is_nobodys_lease() -> None:
    """The lease is due, and no budget to ask: it fails, said, and the VM comes back all the same."""
    world = World()
    world.with_ports(budget=MemoryBudget(Ledger(max_unavailable=1), holder="vm1", clock=world.clock))
    world.application.work = InFlight(count=1)
    world.feed.events = (reboot(),)
    world.pass_time(seconds(10))
    world.with_ports(budget=None)
    world.pass_time(seconds(60))
    assert world.outcomes[-1].kind == "no-budget"
    world.feed.events = ()
    world.pass_time(seconds(60))
    assert world.balancer.entries["fake"].standing is IN
    assert not world.open


def test_a_layer_that_is_asked_for_exists() -> None:
    """Asking for a layer that the policy does not have is a bug, and told as one."""
    with pytest.raises(LookupError, match="nowhere"):
        World().ports.layer("nowhere")


def test_a_refusal_that_is_no_missing_entry_is_a_failure() -> None:
    """Forbidden is retried at a back-off: permissions may be mended."""
    world = World()
    cordon, refusals = world.fake.cordon, [Refused("forbidden", "403")] * 3

    def forbidden() -> Progress:
        if refusals:
            raise refusals.pop()
        return cordon()

    world.fake.cordon = forbidden  # type: ignore[method-assign]
    world.feed.events = (reboot(),)
    world.pass_time(seconds(30))
    assert world.balancer.entries["fake"].standing is OUT


def test_a_back_off_honours_what_the_other_side_asked_for() -> None:
    """Retry-After is waited for before force, and at most a second past it."""
    world = World()
    tries: list[timedelta] = []

    def throttled() -> Progress:
        tries.append(world.now.wall - START)
        raise Transient("throttled", "429", retry_after=seconds(20))

    world.fake.cordon = throttled  # type: ignore[method-assign]
    world.feed.events = (reboot(),)
    world.pass_time(seconds(62))
    assert tries == [seconds(0), seconds(20), seconds(40), seconds(60)]
    world.pass_time(seconds(130))
    assert tries[-1] - tries[-2] == seconds(1)


def test_a_balancer_that_cannot_count_now_proves_nothing() -> None:
    """It raises instead of counting: unmeasured, for the whole drain timeout."""
    world = World()

    def uncounted() -> InFlight:
        raise Transient("no-answer", "silence")

    world.fake.in_flight = uncounted  # type: ignore[method-assign]
    world.feed.events = (reboot(),)
    assert world.waits_for(world.pass_time(seconds(60))) == "draining"


def test_an_operators_new_entry_joins_the_open_episode() -> None:
    """Somebody adds this VM to one more place while it is out: taken out there too, and given back."""
    world = World()
    world.feed.events = (reboot(),)
    world.pass_time(seconds(5))
    other = type(world.balancer)(("fake", "new")).entries["new"]
    world.balancer.entries["new"] = other
    world.pass_time(seconds(5))
    assert world.balancer.entries["new"].standing is OUT
    world.feed.events = ()
    world.pass_time(seconds(60))
    assert {entry.standing for entry in world.balancer.entries.values()} == {IN}


def test_a_clock_ahead_of_the_platforms_forces_nothing_early() -> None:
    """NotBefore is compared with the clock corrected by the answer's Date header."""
    world = World()
    world.feed.skew = -timedelta(minutes=10)
    world.feed.events = (reboot(),)
    assert world.waits_for(world.tick()) == "steady"
    world.feed.skew = timedelta(0)
    world.tick()
    assert world.steps[0] == "cordon"
