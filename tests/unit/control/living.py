"""A daemon in small: a world that is ticked by a thread of its own whenever the board wakes it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from time import monotonic

from drainer.board import Alarm, Board, Snapshot
from drainer.control import ControlServer
from drainer.journal import FileStore
from tests.world import World

PATIENCE_S = 5.0
FAST_S = 0.002


@dataclass(slots=True)
class Living:
    """`world` is ticked between `take_wishes` and `show`, as the daemon does it.

    `pace`: how far the world's clock goes by itself between two ticks, which then follow each other fast.
    """

    state: Path
    world: World
    alarms: tuple[Alarm, ...] = ()
    pace: timedelta = timedelta(0)
    stopping: threading.Event = field(default_factory=threading.Event)
    awake: threading.Event = field(default_factory=threading.Event)
    board: Board = field(init=False)
    shown: int = 0

    def __post_init__(self) -> None:
        self.board = Board(self.awake.set)

    def live(self) -> None:
        while not self.stopping.is_set():
            self.awake.clear()
            self.board.take_wishes(lambda wish, by: self.world.reconciler.wish(wish, by=by))
            tick = self.world.tick()
            self.board.show(Snapshot(tick=tick, vm="vm1", alarms=self.alarms))
            self.shown += 1
            self.world.clock.advance(self.pace)
            self.awake.wait(FAST_S if self.pace else PATIENCE_S)

    def look(self) -> Snapshot:
        """The snapshot of a tick that began after now."""
        shown = self.shown
        deadline = monotonic() + PATIENCE_S
        while self.shown < shown + 2 and monotonic() < deadline:
            self.awake.set()
            threading.Event().wait(0.001)
        assert self.shown >= shown + 2, "the world is not ticked"
        return self.board.snapshot


@contextmanager
def living(directory: Path, world: World | None = None) -> Iterator[Living]:
    """A world whose journal lies in `directory`, ticking until the end of the block."""
    life = Living(state=directory, world=world or World(store=FileStore(directory)))
    thread = threading.Thread(target=life.live)
    thread.start()
    try:
        life.look()
        yield life
    finally:
        life.stopping.set()
        life.awake.set()
        thread.join(PATIENCE_S)


@contextmanager
def serving(life: Living, path: Path, group: str = "") -> Iterator[ControlServer]:
    """A control server over this life."""
    server = ControlServer(life.board, path, group, state=life.state)
    server.start()
    try:
        yield server
    finally:
        server.stop()
