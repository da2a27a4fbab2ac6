"""One sidecar, one episode after another, under a manual clock."""

from __future__ import annotations

from datetime import timedelta

from drainer.core.model import At, EventStatus, Standing
from drainer.core.step import Wait
from tests.world import START, World, reboot, seconds


def test_maintenance_drains_and_cancel_restores() -> None:
    """A due Reboot is drained, isolated and acknowledged once; when it vanishes the VM is restored once."""
    world = World()
    assert world.waits_for(world.tick()) == "steady"
    world.feed.events = (reboot(),)
    world.pass_time(seconds(5))
    assert world.steps == ["cordon", "isolate", "acknowledge"]
    assert world.feed.acknowledged == ["E1"]
    world.feed.events = ()
    assert world.waits_for(world.pass_time(seconds(29))) == "settling"
    world.pass_time(seconds(10))
    assert world.steps == ["cordon", "isolate", "acknowledge", "restore"]
    assert not world.open
    assert world.balancer.entries["fake"].standing is Standing.IN


def test_reboot_restores() -> None:
    """A VM that rebooted while drained is restored by the next life, on the new boot."""
    world = World()
    world.feed.events = (reboot(),)
    world.pass_time(seconds(5))
    world.feed.events = (reboot(status=EventStatus.STARTED),)
    world.pass_time(seconds(2))
    world.restart(boot="boot-2")
    assert world.waits_for(world.pass_time(seconds(5))) == "notice pending"
    world.feed.events = ()
    world.pass_time(seconds(40))
    assert world.steps == ["cordon", "isolate", "acknowledge", "restore"]
    assert not world.open


def test_future_event_waits() -> None:
    """A notice days ahead waits for its lead, and the wait knows when it comes due."""
    world = World()
    world.feed.events = (reboot(not_before=At(at=START + timedelta(days=7))),)
    tick = world.pass_time(seconds(5))
    assert world.steps == []
    assert isinstance(tick.step, Wait)
    assert tick.step.wake_after is not None
    assert timedelta(days=6) < tick.step.wake_after < timedelta(days=7)
