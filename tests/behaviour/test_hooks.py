"""Hooks of an episode: go, wait, abort, failure, at every stage and across restarts."""

from __future__ import annotations

from datetime import timedelta

import pytest

from drainer.core.model import Abort, Go, HookWait, InFlight, Instant, Stage, Standing, later
from drainer.core.wish import Resume
from drainer.errors import Transient
from tests.world import MortalStore, World, reboot, seconds

EVERY = frozenset(Stage)
OUT, IN = Standing.OUT, Standing.IN
FAILED = Transient("hook-failed", "exited 1")


def asked(world: World) -> list[str]:
    return [call.stage.value for call in world.hooks.calls]


def standing(world: World) -> Standing:
    return world.balancer.entries["fake"].standing


def wait(now: Instant, span: float = 5) -> HookWait:
    return HookWait(retry_at=later(now, seconds(span)))


def test_every_stage_is_told_once_and_in_order() -> None:
    """Before the cordon, cordoned, drained, before giving back, restored."""
    world = World(stages=EVERY)
    world.feed.events = (reboot(),)
    world.pass_time(seconds(10))
    world.feed.events = ()
    world.pass_time(seconds(60))
    assert asked(world) == ["before-cordon", "cordoned", "drained", "before-restore", "restored"]
    assert world.steps == [
        *("hook", "cordon", "hook", "isolate", "hook", "acknowledge"),
        *("hook", "restore", "hook"),
    ]


def test_a_hook_is_told_what_it_is_about() -> None:
    """The episode, the VM, the notices and when it begins."""
    world = World(stages=EVERY)
    world.feed.events = (reboot(),)
    world.tick()
    call = world.hooks.calls[0]
    assert (call.vm, call.event_ids, call.event_types) == ("vm1", ("E1",), ("Reboot",))
    assert call.not_before == "2026-01-01T00:04:00Z"
    assert call.episode == world.episode.id


def test_blocker_holds() -> None:
    """A hook that says wait holds the cordon until it says go."""
    world = World(stages=EVERY)
    world.hooks.answers = [wait(world.now), wait(world.now, 10)]
    world.feed.events = (reboot(),)
    assert world.waits_for(world.pass_time(seconds(9))) == "gate hook"
    world.pass_time(seconds(2))
    assert standing(world) is OUT


def test_heartbeat_ends_at_deadline() -> None:
    """A hook that says wait for ever holds until force, and no longer."""
    world = World(stages=EVERY)
    world.hooks.answers = [wait(world.now, 3600)]
    world.feed.events = (reboot(),)
    assert world.waits_for(world.pass_time(seconds(179))) == "gate hook"
    world.pass_time(seconds(2))
    assert standing(world) is OUT


def test_postpone_limit() -> None:
    """Ten waits are honoured; the eleventh is not, and the drain goes on."""
    world = World(stages=frozenset({Stage.BEFORE_CORDON}))
    world.hooks.answers = [wait(world.now, 1)] * 11
    world.feed.events = (reboot(),)
    world.pass_time(seconds(60))
    assert len(world.hooks.calls) == 11
    assert standing(world) is OUT


@pytest.mark.parametrize("stage", list(Stage))
def test_three_failures_let_it_pass(stage: Stage) -> None:
    """A hook that fails three times is gone on without, at every stage."""
    world = World(stages=frozenset({stage}))
    world.hooks.answers = [FAILED] * 9
    world.feed.events = (reboot(),)
    world.pass_time(seconds(20))
    world.feed.events = ()
    world.pass_time(seconds(60))
    assert len(world.hooks.calls) == 3
    assert world.feed.acknowledged == ["E1"]
    assert not world.open


def test_a_hook_stopped_by_our_own_end_has_not_failed() -> None:
    """The daemon is stopped three times in the middle of a hook: the fourth life asks it all the same."""
    world = World(stages=frozenset({Stage.BEFORE_RESTORE}))
    world.feed.events = (reboot(),)
    world.pass_time(seconds(10))
    world.feed.events = ()
    world.hooks.answers = [Transient("hook-stopped", "the daemon is stopping")] * 3
    for _ in range(3):
        world.pass_time(seconds(31))
        world.restart()
    world.pass_time(seconds(31))
    assert len(world.hooks.calls) == 4
    assert world.hooks.answers == []
    assert not world.open


def test_abort_before_the_cordon_is_a_skip() -> None:
    """These notices are dropped until they vanish; another one is asked about and drained for."""
    world = World(stages=EVERY)
    world.hooks.answers = [Abort(reason="release night")]
    world.feed.events = (reboot(),)
    world.pass_time(seconds(60))
    assert standing(world) is IN
    assert world.state.wishes.skips == {"E1"}
    world.feed.events = (reboot(), reboot("E2"))
    world.pass_time(seconds(10))
    assert asked(world)[:2] == ["before-cordon", "before-cordon"]
    assert world.feed.acknowledged == ["E2"]


def test_abort_before_the_cordon_survives_a_crash_after_its_record() -> None:
    """The process dies as soon as the abort is written: the next life does not cordon."""
    store = MortalStore()
    world = World(store=store, stages=frozenset({Stage.BEFORE_CORDON}))
    world.hooks.answers = [Abort()]
    world.feed.events = (reboot(),)
    store.dies_after = 2
    with pytest.raises(BaseException, match="after write 2"):
        world.tick()
    world.restart()
    world.pass_time(timedelta(minutes=5))
    assert standing(world) is IN


def test_abort_at_drained_means_no_acknowledgement() -> None:
    """Drained and out, but the platform is not told to go ahead."""
    world = World(stages=frozenset({Stage.DRAINED}))
    world.hooks.answers = [Abort()]
    world.feed.events = (reboot(),)
    world.pass_time(timedelta(minutes=3))
    assert world.feed.acknowledged == []
    assert standing(world) is OUT


def test_acknowledgement_waits_for_a_drained_hook_before_force() -> None:
    """A drained hook that waits holds the acknowledgement; force does not wait for it."""
    world = World(stages=frozenset({Stage.DRAINED}))
    world.hooks.answers = [wait(world.now, 3600)]
    world.feed.events = (reboot(),)
    world.pass_time(seconds(170))
    assert world.feed.acknowledged == []
    world.pass_time(seconds(15))
    assert world.feed.acknowledged == ["E1"]


def test_abort_before_giving_back_holds_until_resume() -> None:
    """Out until a person resumes, over restarts and reboots; then the hook is asked again."""
    world = World(stages=frozenset({Stage.BEFORE_RESTORE}))
    world.feed.events = (reboot(),)
    world.pass_time(seconds(10))
    world.feed.events = ()
    world.hooks.answers = [Abort(), Go()]
    assert world.waits_for(world.pass_time(timedelta(minutes=10))) == "aborted by hook"
    world.restart(boot="boot-2")
    assert world.waits_for(world.pass_time(timedelta(minutes=10))) == "aborted by hook"
    world.wish(Resume())
    world.pass_time(seconds(10))
    assert standing(world) is IN


def test_a_second_cordon_is_told_like_the_first() -> None:
    """The threat returns after giving back had begun: every stage of the way out is due anew."""
    world = World(two=True, stages=EVERY)
    world.feed.events = (reboot(),)
    world.pass_time(seconds(10))
    world.feed.events = ()
    world.probe.restore = unanswered  # type: ignore[method-assign, assignment]
    world.pass_time(seconds(35))
    assert world.pool.standing is IN
    world.feed.events = (reboot("E2"),)
    world.pass_time(seconds(15))
    assert asked(world).count("drained") == 2
    assert world.pool.standing is OUT


def unanswered(was: object) -> None:
    raise Transient("no-answer", "silence")


def test_restored_is_not_told_where_nothing_was_taken() -> None:
    """Gated until the notice left: there is nothing to be told about."""
    world = World(stages=EVERY)
    world.balancer.others = 0
    world.feed.events = (reboot(),)
    world.pass_time(seconds(10))
    world.feed.events = ()
    world.pass_time(seconds(60))
    assert asked(world) == []
    assert not world.open


def test_no_hook_outlasts_force() -> None:
    """A hook gets the time until force, at most a minute, at least a second."""
    times: list[timedelta] = []
    world = World(stages=EVERY)
    run = world.hooks.run

    def timed(call, *, timeout, stopping):  # type: ignore[no-untyped-def]
        times.append(timeout)
        return run(call, timeout=timeout, stopping=stopping)

    world.hooks.run = timed  # type: ignore[method-assign]
    world.application.work = InFlight(count=1)
    world.feed.events = (reboot(),)
    world.pass_time(seconds(150))
    world.feed.events = ()
    world.pass_time(seconds(60))
    assert times[0] == seconds(60)
    assert all(seconds(1) <= given <= seconds(60) for given in times)
