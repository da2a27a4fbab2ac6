"""Acceptance cases that no other file makes true alone, and the list of those that must have a test."""

from __future__ import annotations

import re
from collections import Counter
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from drainer.board import Snapshot
from drainer.budgets.memory import Ledger, MemoryBudget
from drainer.core.model import At, Membership, Phase, Progress, Standing
from drainer.core.policy import Do, Match, Rule
from drainer.errors import Refused, Transient
from drainer.reporting.metrics import exposition
from drainer.status import status_of
from tests.behaviour.watch import watched
from tests.world import START, World, reboot, seconds

EVENT_HANDLING = """
maintenance-drains maintenance-dry-run drain-only-mode cancel-restores reboot-restores restart-without-reboot
duplicate-event-ignored future-event-waits mark-all-done-on-shutdown ignored-id-stays-ignored
missing-or-bad-times remote-only-event irrelevant-type wrong-event-acked pre-drained-by-human
condition-clears-after-own-drain started-first reboot-becomes-freeze duration-rules
exits-normally-on-terminal-event resource-absent-list
"""
SIGNAL_TRANSPORT = "imds-404-500-503 bad-json timeout slow-first-call proxy-env"
BALANCER_SIDE = """
wait-until-unused waiter-abort waiter-timeout waiter-fail waiter-not-found already-removed-is-success
zero-5xx-under-load maint-and-back etag-conflict throttled no-probe-configured long-connections
fail-check-then-listeners partial-fan-out
"""
STATE = """
kill-at-each-step control-plane-lost self-drain-config-parse resume-in-progress lock-server-down-near-deadline
refused-restore dead-crashed-agent
"""
GIVING_BACK = """
pending-startup-delays-online restore-api-down-long uncordon-even-when-label-missing
postponed-release-does-not-delay-restore
"""
CASES = " ".join((EVENT_HANDLING, SIGNAL_TRANSPORT, BALANCER_SIDE, STATE, GIVING_BACK)).split()

TESTS = Path(__file__).parents[1]


@pytest.mark.parametrize("case", CASES)
def test_every_case_has_a_test(case: str) -> None:
    """By its function's name, or by the mark that names the case."""
    named = re.compile(
        rf'^def test_{case.replace("-", "_")}\(|^@pytest\.mark\.case\("{case}"\)$', re.MULTILINE
    )
    assert [path for path in TESTS.rglob("test_*.py") if named.search(path.read_text(encoding="utf-8"))]


@pytest.mark.case("future-event-waits")
def test_a_notice_days_ahead_is_seen_and_left_alone() -> None:
    """Seven days ahead: `status` tells when it comes due; out only once the lead has begun."""
    world = World()
    begins = START + timedelta(days=7)
    world.feed.events = (reboot(not_before=At(at=begins)),)
    tick = world.pass_time(timedelta(days=6), step=timedelta(hours=6))
    (notice,) = status_of(Snapshot(tick=tick))["notices"]
    assert (notice["does"], notice["due_at"]) == ("drain", "2026-01-07T23:55:00Z")
    world.pass_time(begins - timedelta(minutes=6) - world.now.wall, step=timedelta(hours=1))
    assert (world.open, world.steps) == (False, [])
    world.pass_time(timedelta(minutes=2))
    assert world.steps == ["cordon", "isolate", "acknowledge"]


@pytest.mark.case("irrelevant-type")
def test_an_ignored_type_is_counted() -> None:
    """Neither drained for nor said, but there in the metrics."""
    world = World(Rule(match=Match(type="Freeze"), do=Do.IGNORE), Rule())
    world.feed.events = (reboot(type="Freeze"),)
    snapshot = Snapshot(tick=world.pass_time(seconds(5)))
    assert 'drainer_notices{type="Freeze",status="Scheduled"} 1' in exposition(
        snapshot, now=world.now, version="1"
    )
    assert (world.steps, world.events) == ([], [])


@pytest.mark.case("throttled")
def test_a_hundred_vms_of_one_throttled_api_are_out_in_time() -> None:
    """Ten calls in five seconds pass; the others wait the 20 s they are told until force, and all make it."""
    step, worlds, passed = seconds(5), [World() for _ in range(100)], Counter[timedelta]()
    refused: dict[int, list[timedelta]] = {}

    def throttle(number: int, world: World) -> None:
        cordon = world.fake.cordon

        def throttled() -> Progress:
            at = world.now.wall - START
            if passed[at] >= 10:
                refused.setdefault(number, []).append(at)
                raise Transient("throttled", "429", retry_after=seconds(20))
            passed[at] += 1
            return cordon()

        world.fake.cordon = throttled  # type: ignore[method-assign]

    for number, world in enumerate(worlds):
        throttle(number, world)
        world.feed.events = (reboot(),)
        world.tick()
    for _ in range(47):
        for world in worlds:
            world.clock.advance(step)
            world.tick()
    assert all(world.balancer.entries["fake"].standing is Standing.OUT for world in worlds)
    assert len(refused) == 90
    pairs = [pair for times in refused.values() for pair in pairwise(times)]
    before_force = [again - at for at, again in pairs if again < timedelta(minutes=3)]
    assert before_force
    assert min(before_force) >= seconds(20)


@pytest.mark.case("control-plane-lost")
def test_past_its_deadline_without_the_pool_it_is_said() -> None:
    """The pool gives no answer to the end: the probe is out, alarmed, unproven, and recorded as past due."""
    world = World(two=True)
    world.pool.balancer.readable = False
    one = watched(world)
    world.feed.events = (reboot(),)
    assert "layer-unreadable" in one.pass_time(timedelta(minutes=3))
    assert (world.probe.standing, world.feed.acknowledged) == (Standing.OUT, [])
    status = status_of(Snapshot(tick=world.tick(), alarms=one.alarms))
    assert (status["episode"]["past_deadline"], status["episode"]["proven"]) == (True, False)
    world.pool.balancer.readable = True
    world.feed.events = ()
    assert one.pass_time(timedelta(minutes=2)) == set()
    assert (world.open, world.probe.standing, world.pool.standing) == (False, Standing.IN, Standing.IN)


class Unanswering(MemoryBudget):
    """A budget in memory that fails."""

    def acquire(self, phase: Phase, *, forced: bool) -> object:  # type: ignore[override]
        raise Transient("lock-server", "no answer")


@pytest.mark.case("lock-server-down-near-deadline")
def test_a_budget_that_fails_is_alarmed_and_not_waited_for_past_force() -> None:
    """NotBefore in a minute and no answer from the budget: alarmed, then out by force, recorded so."""
    world = World()
    world.with_ports(budget=Unanswering(Ledger(max_unavailable=1), holder="vm1", clock=world.clock))
    one = watched(world)
    world.feed.events = (reboot(not_before=At(at=world.now.wall + seconds(75))),)
    assert one.pass_time(seconds(13), step=seconds(1)) == {"acquire-failing"}
    assert "cordon" not in world.steps
    one.pass_time(seconds(10), step=seconds(1))
    assert world.balancer.entries["fake"].standing is Standing.OUT
    assert next(line for line in world.lines if line["event"] == "cordon.intended")["forced"] is True


@pytest.mark.case("refused-restore")
def test_a_refused_restore_is_alarmed_until_it_works() -> None:
    """Refused a dozen times: alarmed and visible all along, tried on, and over once it is allowed."""
    world, refusals = World(), [Refused("forbidden", "403")] * 12
    one, real = watched(world), world.fake.restore

    def restore(was: Membership) -> Progress:
        if refusals:
            raise refusals.pop()
        return real(was)

    world.fake.restore = restore  # type: ignore[method-assign]
    world.feed.events = (reboot(),)
    one.pass_time(seconds(20))
    world.feed.events = ()
    assert one.pass_time(timedelta(minutes=3)) == {"restore-failing"}
    assert one.told("restore-failing") == (True, True, True)
    one.pass_time(timedelta(minutes=4))
    assert (one.kinds, world.open, refusals) == (set(), False, [])
    assert one.lines_of("restore-failing") == ["alarm.raised", "alarm.cleared"]
