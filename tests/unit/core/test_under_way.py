"""Writes that were answered "under way": what ends their waiting, and what does not."""

from __future__ import annotations

from datetime import timedelta

from drainer.clock import ManualClock
from drainer.core.episode import LayerFacts
from drainer.core.fold_writes import finished, intended
from drainer.core.model import Entry, Membership, Pending, Progress, Standing, elapsed
from drainer.core.record import Finished, Intended, Outcome
from tests.world import Layer, World, reboot, seconds

LANDS = timedelta(minutes=2)
Told = tuple[str, Outcome]


def facts_after(*told: Told) -> tuple[LayerFacts, ManualClock]:
    """The layer's facts once these steps were intended and answered so, one second after another."""
    world = World()
    world.feed.events = (reboot(),)
    world.pass_time(seconds(1))
    clock, episode = world.clock, world.episode
    for step, outcome in told:
        clock.advance(seconds(1))
        episode = intended(episode, Intended(step=step, layers={"pool": LANDS}), clock.now())
        answer = Finished(step=step, outcome=outcome, layers=("pool",))
        episode = finished(episode, answer, clock.now())
    return episode.layer("pool"), clock


def test_a_clean_answer_ends_what_was_under_way() -> None:
    """A restore that was pending twice and then done is settled at once, and given back."""
    facts, clock = facts_after(
        ("restore", Outcome.PENDING), ("restore", Outcome.PENDING), ("restore", Outcome.DONE)
    )
    assert not facts.unsettled(clock.now())
    assert not facts.intended


def test_a_lost_answer_is_never_settled_by_a_clean_one() -> None:
    """What failed may still land until its time is over, whatever the same step is answered later."""
    facts, clock = facts_after(("restore", Outcome.FAILED), ("restore", Outcome.DONE))
    assert facts.unsettled(clock.now())
    clock.advance(LANDS)
    assert not facts.unsettled(clock.now())


def test_another_steps_answer_settles_nothing() -> None:
    """A removal that was still under way may land after a clean restore."""
    facts, clock = facts_after(("isolate", Outcome.PENDING), ("restore", Outcome.DONE))
    assert facts.unsettled(clock.now())
    facts, clock = facts_after(
        ("isolate", Outcome.PENDING), ("restore", Outcome.PENDING), ("restore", Outcome.DONE)
    )
    assert facts.unsettled(clock.now())


def test_what_changed_nothing_cannot_land() -> None:
    """An attempt that failed before it wrote settles itself, and nothing else."""
    facts, clock = facts_after(("isolate", Outcome.UNTOUCHED), ("restore", Outcome.DONE))
    assert not facts.unsettled(clock.now())
    facts, clock = facts_after(("isolate", Outcome.PENDING), ("isolate", Outcome.UNTOUCHED))
    assert facts.unsettled(clock.now())


class Leaving(Layer):
    """A layer that only removes, and takes three looks for it."""

    looks = 0

    def membership(self) -> Membership:
        read = super().membership()
        if self.standing is Standing.IN or self.looks >= 3:
            return read
        self.looks += 1
        return Membership(entries=tuple(Entry(name=e.name, standing=Standing.LEAVING) for e in read.entries))


def test_nothing_is_acknowledged_while_a_layer_is_still_leaving() -> None:
    """A removal that is not confirmed yet is asked after again; only then may the platform go on."""
    world = World()
    leaving = Leaving("pool", world.clock, cordons=False)
    world.with_ports(layers=(world.probe, leaving))
    world.feed.events = (reboot(),)
    world.pass_time(seconds(30))
    assert leaving.looks == 3
    assert world.steps.index("acknowledge") > max(
        i for i, name in enumerate(world.steps) if name == "isolate"
    )
    assert world.steps.count("isolate") > 1


class Removing(Layer):
    """A layer of its own that only removes: its removal is under way for three calls."""

    calls = 0

    def isolate(self, was: Membership) -> Progress:
        self.calls += 1
        done = super().isolate(was)
        return Pending(reason="the write still runs") if self.calls < 4 else done


def drained_by_removal() -> tuple[World, Removing]:
    world = World()
    removing = Removing("pool", world.clock, cordons=False)
    world.with_ports(layers=(removing,))
    world.feed.events = (reboot(),)
    world.pass_time(seconds(30))
    return world, removing


def test_a_cordon_under_way_is_asked_after_until_it_is_answered() -> None:
    """Once out it is asked again, up to its clean answer and no further; so it is settled."""
    world, removing = drained_by_removal()
    assert removing.calls == 4
    assert world.steps.count("cordon") == 4
    assert not world.episode.layer("pool").unsettled(world.clock.now())
    assert world.feed.acknowledged


def test_asking_again_moves_no_deadline() -> None:
    """The drain's time runs from when the layer took no new work first, however often it is asked after."""
    world, _ = drained_by_removal()
    assert world.steps.count("cordon") == 4
    cordoned_at = world.episode.cordoned_at
    assert cordoned_at is not None
    assert elapsed(world.episode.opened, cordoned_at) <= seconds(1)


def test_an_episode_closes_once_its_only_layer_is_back() -> None:
    """Nothing of the cordon is left to wait for: after the restore the episode is over at once."""
    world, _ = drained_by_removal()
    world.feed.events = ()
    until_restored = 0
    while "restore" not in world.steps and until_restored < 300:
        world.pass_time(seconds(1))
        until_restored += 1
    world.pass_time(seconds(2))
    assert world.state.episode is None
