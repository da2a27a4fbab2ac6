"""Alarms through the real reconciler: each begins and ends once, and is told in all three places."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from drainer.alarms import KINDS
from drainer.core.model import Blank, EventStatus, Garbled, Healthy, InFlight, Stage, Standing, Unreadable
from drainer.core.policy import Acknowledge, Policy, Rule, StuckAfter
from drainer.core.wish import Drain, Resume, Skip
from drainer.errors import Broken, Transient
from drainer.journal import MemoryStore
from tests.behaviour.watch import Watched, watched
from tests.world import MortalStore, World, reboot, seconds

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
STARTED = reboot(status=EventStatus.STARTED, not_before=Blank())

Act = Callable[[Watched], object]


def blind(one: Watched, kind: str = "no-answer") -> None:
    one.world.feed.blind = Unreadable(kind=kind, reason="the service gives no answer")


def sees(one: Watched) -> None:
    one.world.feed.blind = None


def lists(one: Watched, *events: object) -> None:
    one.world.feed.events = events  # type: ignore[assignment]


def blind_for(span: timedelta) -> Act:
    def act(one: Watched) -> None:
        blind(one)
        one.pass_time(span, step=span / 20)

    return act


def forgets(one: Watched) -> None:
    one.world.feed.incarnation = 7
    one.look()
    one.world.feed.incarnation = 1


def skewed(by: timedelta) -> Act:
    def act(one: Watched) -> None:
        one.world.feed.skew = by

    return act


def out_for(span: timedelta) -> Act:
    """Out for a Reboot that is listed and does not happen."""

    def act(one: Watched) -> None:
        lists(one, reboot())
        one.pass_time(span, step=span / 60)

    return act


def started_early(one: Watched) -> None:
    one.world.application.work = InFlight(count=1)
    lists(one, reboot())
    one.pass_time(seconds(20))
    lists(one, STARTED)


def gone(one: Watched) -> None:
    lists(one)
    one.pass_time(2 * MINUTE)


def unhealthy(one: Watched) -> None:
    lists(one, reboot())
    one.pass_time(seconds(20))
    one.world.application.fail()
    lists(one)
    one.pass_time(12 * MINUTE)


def healthy(one: Watched) -> None:
    one.world.application.health = Healthy()
    one.pass_time(MINUTE)


def put_back(times: int) -> Act:
    def act(one: Watched) -> None:
        lists(one, reboot())
        for _ in range(times):
            one.pass_time(seconds(10), step=seconds(1))
            one.world.balancer.put_in("fake")
        one.pass_time(seconds(10), step=seconds(1))

    return act


def damaged_layer(one: Watched) -> None:
    lists(one, reboot())
    one.world.balancer.readable = False


def readable_layer(one: Watched) -> None:
    one.world.balancer.readable = True


def no_disk(one: Watched) -> None:
    lists(one, reboot())
    one.pass_time(seconds(20))
    assert isinstance(one.world.store, MortalStore)
    one.world.store.full = Broken("disk-full", "no space left")
    lists(one)
    one.pass_time(MINUTE)


def disk(one: Watched) -> None:
    assert isinstance(one.world.store, MortalStore)
    one.world.store.full = None
    one.pass_time(MINUTE)


def failing_hook(one: Watched) -> None:
    one.world.with_ports(hook_stages=frozenset({Stage.CORDONED}))
    one.world.hooks.answers = [Transient("hook-failed", "exited 1")] * 3
    lists(one, reboot())
    one.pass_time(MINUTE)


def lost_layer(one: Watched) -> None:
    lists(one, reboot())
    one.pass_time(seconds(20))
    one.world.with_ports(layers=(one.world.probe,))


def found_layer(one: Watched) -> None:
    one.world.with_ports(layers=(one.world.fake, one.world.probe))


CASES: dict[str, tuple[Act, Act]] = {
    "blind": (blind_for(seconds(70)), sees),
    "service-off": (blind_for(timedelta(hours=25)), sees),
    "name-mismatch": (lambda one: blind(one, "name-mismatch"), sees),
    "incarnation-reset": (forgets, lambda one: one.pass_time(6 * MINUTE)),
    "clock-skew": (skewed(seconds(-3)), skewed(seconds(1))),
    "not-before-garbled": (lambda one: lists(one, reboot(not_before=Garbled(text="soon"))), gone),
    "started-first": (lambda one: lists(one, STARTED), gone),
    "acknowledged-elsewhere": (started_early, gone),
    "not-rebooted": (out_for(20 * MINUTE), gone),
    "never-ending": (out_for(2 * HOUR), gone),
    "never-healthy": (unhealthy, healthy),
    "drift": (put_back(1), gone),
    "yielded": (put_back(2), lambda one: one.world.wish(Resume())),
    "hook-given-up": (failing_hook, gone),
    "layer-unknown": (lost_layer, found_layer),
    "layer-unreadable": (damaged_layer, readable_layer),
    "journal-unwritable": (no_disk, disk),
}
"""What makes each alarm begin, and what makes it end."""


@pytest.mark.parametrize("kind", CASES)
def test_it_is_told_in_all_three_places_and_ends(kind: str) -> None:
    """Metric, status and its exit code while it stands; one line when it begins, one when it ends."""
    begins, ends = CASES[kind]
    one = watched(World(store=MortalStore()))
    assert one.kinds == set()
    begins(one)
    one.look()
    assert one.told(kind) == (True, True, True)
    assert one.lines_of(kind) == ["alarm.raised"]
    one.look()
    ends(one)
    one.look()
    assert kind not in one.kinds
    assert one.told(kind)[:2] == (False, False)
    assert one.lines_of(kind) == ["alarm.raised", "alarm.cleared"]


def test_no_kind_is_left_out() -> None:
    """Every kind that a tick can show has a case, but the one that lasts as long as its life."""
    assert CASES.keys() == {kind.name for kind in KINDS} - {"journal-damaged"}


def test_an_ordinary_maintenance_raises_nothing() -> None:
    """Drained, acknowledged, Started before NotBefore by our word, rebooted, back: no alarm at all."""
    one = watched()
    lists(one, reboot())
    one.pass_time(MINUTE)
    lists(one, STARTED)
    one.pass_time(MINUTE)
    one.world.restart(boot="boot-2")
    one.pass_time(30 * MINUTE)
    gone(one)
    assert "alarm.raised" not in one.world.events
    assert not one.world.open


def test_a_reboot_that_happened_is_not_missed() -> None:
    """Rebooted, and the notice stays for an hour: not counted as a Reboot that did not come."""
    one = watched()
    lists(one, reboot())
    one.pass_time(MINUTE)
    one.world.restart(boot="boot-2")
    assert "not-rebooted" not in one.pass_time(HOUR, step=MINUTE)


def test_a_freeze_is_not_expected_to_reboot() -> None:
    """Out for a Freeze that lasts: no boot is missed."""
    one = watched()
    lists(one, reboot(type="Freeze"))
    assert "not-rebooted" not in one.pass_time(30 * MINUTE, step=MINUTE)


def test_an_operators_own_drain_is_not_stuck() -> None:
    """A drain by hand may last for hours: nobody is alarmed by what he asked for."""
    one = watched()
    one.world.wish(Drain(reason="works", until=None))
    assert one.pass_time(3 * HOUR, step=5 * MINUTE) == set()


def test_started_at_its_time_is_nobodys_acknowledgement() -> None:
    """The platform starts at NotBefore by itself: the drain was not proven, and nobody acknowledged."""
    one = watched()
    one.world.application.work = InFlight(count=1)
    lists(one, reboot())
    one.pass_time(5 * MINUTE)
    lists(one, STARTED)
    assert one.look() == set()


def test_where_the_policy_leaves_acknowledging_to_others() -> None:
    """`acknowledge: never`: an early start is what the policy wants."""
    one = watched(World(Rule(acknowledge=Acknowledge.NEVER)))
    started_early(one)
    assert "acknowledged-elsewhere" not in one.look()


def test_an_acknowledgement_of_ours_whose_answer_was_lost_is_ours() -> None:
    """The platform started by our word although we never heard so: nobody else is blamed."""
    one = watched()
    one.world.feed.answers = [Transient("timeout", "no answer")] * 9
    lists(one, reboot())
    one.pass_time(seconds(20))
    assert one.world.feed.acknowledged
    lists(one, STARTED)
    assert "acknowledged-elsewhere" not in one.look()


def test_a_later_life_does_not_call_a_known_notice_started_first() -> None:
    """The journal knew it as Scheduled: Started after a restart is no first sight."""
    one = watched()
    lists(one, reboot())
    one.pass_time(MINUTE)
    one.world.restart()
    lists(one, STARTED)
    assert "started-first" not in one.look()


def test_a_later_life_knows_who_did_not_acknowledge() -> None:
    """NotBefore is in the journal: an early start that happened while the daemon was dead is told."""
    one = watched()
    one.world.application.work = InFlight(count=1)
    lists(one, reboot())
    one.pass_time(MINUTE)
    one.world.restart()
    lists(one, STARTED)
    assert "acknowledged-elsewhere" in one.look()


@pytest.mark.parametrize(("failures", "alarmed"), [(2, False), (3, True)])
def test_a_step_is_failing_from_its_third_failure_on(failures: int, alarmed: bool) -> None:
    """Failed twice and then done is nothing to look at; three times in a row is, until it is done."""
    one = watched()
    one.world.feed.answers = [Transient("timeout", "no answer")] * failures
    lists(one, reboot())
    stood = {kind for _ in range(80) for kind in one.pass_time(seconds(0.25), step=seconds(0.25))}
    assert len(one.world.feed.acknowledged) == failures + 1
    assert stood == ({"acknowledge-failing"} if alarmed else set())
    assert one.kinds == set()


def test_another_hand_that_takes_out_is_drift() -> None:
    """Held back by a gate, and somebody takes this VM out meanwhile: said, and left as it is."""
    world = World()
    world.probe.balancer.others = 0
    world.with_ports(layers=(world.probe,))
    one = watched(world)
    lists(one, reboot())
    assert one.pass_time(seconds(10)) == set()
    world.probe.balancer.take_out("probe")
    assert one.pass_time(seconds(10)) == {"drift"}
    assert "another hand" in one.alarms[0].reason
    gone(one)
    assert (one.kinds, world.probe.standing) == (set(), Standing.OUT)


def test_every_reason_says_what_comes_next() -> None:
    """A reason has two halves: what happened, and what follows."""
    assert all(kind.next and not kind.next.endswith(".") for kind in KINDS)
    one = watched()
    lists(one, STARTED)
    one.look()
    (alarm,) = one.alarms
    assert alarm.reason.startswith("Reboot E1 had Started")
    assert alarm.reason.endswith(next(kind.next for kind in KINDS if kind.name == "started-first"))


@pytest.mark.parametrize("ends", ["stuck", "operator"])
def test_a_skip_ends_a_stuck_alarm(ends: str) -> None:
    """Never-ending is over once the notice is skipped: by `stuck_after`, with its why, or by a person."""
    plain = World().policy
    patience = StuckAfter(event=90 * MINUTE) if ends == "stuck" else StuckAfter()
    store = MemoryStore()
    one = watched(
        World(
            policy=Policy(rules=plain.rules, backend=plain.backend, stuck_after=patience),
            store=store,
        )
    )
    lists(one, reboot())
    assert "never-ending" in one.pass_time(70 * MINUTE, step=MINUTE)
    if ends == "operator":
        one.world.wish(Skip(event_id="E1", why="operator"))
    assert one.pass_time(30 * MINUTE, step=MINUTE) == set()
    assert not one.world.open
    assert any('"skip"' in line and f'"{ends}"' in line for line in store.lines)
