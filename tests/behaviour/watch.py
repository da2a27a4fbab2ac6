"""A world that is watched as the daemon watches it: alarms in the metrics, in `status`, and in the log."""

from __future__ import annotations

from datetime import timedelta

from drainer.alarms import alarms_of, announce
from drainer.board import Alarm, Snapshot
from drainer.cli.looking import exit_of
from drainer.cli.tables import status_lines
from drainer.log import Log
from drainer.reconcile import Tick
from drainer.reporting.metrics import exposition
from drainer.status import status_of
from tests.world import World, seconds


class Watched:
    """`alarms`: those that stand since the last look."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.alarms: tuple[Alarm, ...] = ()
        self._started = world.now
        self._tick: Tick | None = None

    @property
    def kinds(self) -> set[str]:
        return {alarm.kind for alarm in self.alarms}

    def look(self) -> set[str]:
        """Tick once, and say what is new."""
        return self._seen(self.world.tick())

    def pass_time(self, by: timedelta, *, step: timedelta = timedelta(seconds=10)) -> set[str]:
        """Let time go by, watching; what stands at the end."""
        self.look()
        end = self.world.now.wall + by
        while self.world.now.wall < end:
            self.world.clock.advance(step)
            self.look()
        return self.kinds

    def told(self, kind: str) -> tuple[bool, bool, bool]:
        """Whether the metrics, the text of `status` and its exit code tell of it."""
        snapshot = Snapshot(tick=self._tick, alarms=self.alarms, vm="vm1")
        status = status_of(snapshot)
        metrics = exposition(snapshot, now=self.world.now, version="1")
        text = "\n".join(status_lines(status, colour=False))
        return f'drainer_alarms{{kind="{kind}"}} 1' in metrics, f"{kind}: " in text, exit_of(status) == 3

    def lines_of(self, kind: str) -> list[str]:
        """The log's events that name this kind of alarm, in order."""
        return [line["event"] for line in self.world.lines if line.get("kind") == kind]

    def _seen(self, tick: Tick) -> set[str]:
        world = self.world
        fresh = alarms_of(world.scene(tick, started=self._started))
        announce(Log(world.clock.now, world.log), before=self.alarms, fresh=fresh)
        self._tick, self.alarms = tick, fresh
        return self.kinds


def watched(world: World | None = None) -> Watched:
    one = Watched(world or World())
    one.pass_time(seconds(2), step=seconds(1))
    return one
