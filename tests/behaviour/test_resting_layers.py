"""Layers that cost something to read: left alone in steady times, read once something is announced."""

from __future__ import annotations

from drainer.core.model import Membership, Standing, Unreadable
from drainer.core.wish import Drain
from drainer.errors import Transient
from tests.world import Layer, World, reboot, seconds


class Costly(Layer):
    """A layer that rests, and counts what it is asked."""

    def __init__(self, world_clock: object, **changes: bool) -> None:
        super().__init__("pool", world_clock, **changes)  # type: ignore[arg-type]
        self.reads = 0
        self.rests = 0
        self.slow = 0
        self.read_every = seconds(30)

    def membership(self) -> Membership:
        self.reads += 1
        if self.slow:
            self.slow -= 1
            raise Transient("azure-slow", "no answer yet")
        return super().membership()

    def rest(self) -> None:
        self.rests += 1


def world_of(*, cordons: bool = True) -> tuple[World, Costly]:
    world = World()
    costly = Costly(world.clock, cordons=cordons)
    world.with_ports(layers=(world.probe, costly) if not cordons else (costly,))
    return world, costly


def standings(world: World, costly: Costly) -> set[Standing]:
    return {world.probe.standing, costly.standing}


def test_nothing_is_read_in_steady_times() -> None:
    """Without a notice for this VM the layer is never asked, and told to rest."""
    world, costly = world_of()
    world.feed.events = (reboot(resources=("vm2",)),)
    tick = world.pass_time(seconds(120))
    assert costly.reads == 0
    assert costly.rests > 0
    reading = tick.seen.layers[0].reading
    assert isinstance(reading, Unreadable)
    assert reading.kind == "asleep"


def test_a_notice_wakes_it_before_it_is_due() -> None:
    """A notice that names this VM is enough, days ahead too; then it is read at its own pace."""
    world, costly = world_of()
    world.tick()
    world.feed.events = (reboot(not_before=None),)
    world.tick()
    assert costly.reads > 0


def test_an_operators_drain_wakes_it() -> None:
    """`drainer drain` without any notice reads the layer, and takes it out."""
    world, costly = world_of()
    world.tick()
    world.wish(Drain(reason="kernel"))
    world.pass_time(seconds(5))
    assert costly.standing is Standing.OUT


def test_a_slow_first_reading_joins_the_open_episode() -> None:
    """While the first reading is under way the others drain; what is read later joins, and comes back."""
    world, costly = world_of(cordons=False)
    costly.slow = 5
    world.feed.events = (reboot(),)
    world.tick()
    assert world.probe.standing is Standing.OUT
    world.pass_time(seconds(20))
    assert world.episode.layer("pool").was is not None
    assert standings(world, costly) == {Standing.OUT}
    world.feed.events = ()
    world.wait_for("steady")
    assert standings(world, costly) == {Standing.IN}


def test_it_rests_again_after_close() -> None:
    """Once the episode is closed nothing is read any more."""
    world, costly = world_of()
    world.feed.events = (reboot(),)
    world.pass_time(seconds(10))
    world.feed.events = ()
    world.wait_for("steady")
    reads = costly.reads
    world.pass_time(seconds(120))
    assert costly.reads == reads


def test_an_unreadable_layer_is_asked_at_every_look() -> None:
    """A reading that failed is not good for as long as one that did not."""
    world, costly = world_of(cordons=False)
    costly.slow = 3
    world.feed.events = (reboot(),)
    world.pass_time(seconds(4))
    assert costly.slow == 0
