"""Measures the stage's processes every few seconds, and the lasting one at rest."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from threading import Event, Thread
from time import monotonic

from drainer.demo.roll import Stage
from drainer.demo.until import TooLate, pause, until
from tests.soak.gauge import Held, children, held

EVERY_S = 5.0
AT_REST = 5
"""Measures in a row, half a second apart."""


@dataclass(slots=True)
class Watch:
    """Samples of every process of the stage."""

    stage: Stage
    samples: list[Held] = field(default_factory=list)
    started_by: dict[int, int] = field(default_factory=dict)

    def look(self) -> None:
        """One sample of each process that lives now."""
        self._sample("emulator", self.stage.platform.pid)
        for machine in self.stage.machines:
            sidecar = machine.sidecar
            if sidecar is None:
                continue
            name = machine.place.name
            self._sample(f"sidecar {name}", sidecar.pid)
            for child in children(sidecar.pid):
                self.started_by[child] = sidecar.pid
                self._sample(f"child of {name}", child)

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Look again and again, until left."""
        ended = Event()

        def look() -> None:
            while not ended.wait(EVERY_S):
                self.look()

        thread = Thread(target=look, name="gauge", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join(timeout=10)

    def orphans(self) -> tuple[int, ...]:
        """Children that still live although the sidecar that started them does not."""

        def left() -> tuple[int, ...]:
            return tuple(child for child, parent in self.started_by.items() if _lives(child, parent))

        with contextlib.suppress(TooLate):
            until(lambda: not left(), "the children of dead sidecars to end", within_s=20.0)
        return left()

    def _sample(self, who: str, pid: int) -> None:
        sample = held(who, pid, at_s=monotonic())
        if sample is not None:
            self.samples.append(sample)


def most_at_rest(who: str, pid: int) -> Held | None:
    """The measure with the most descriptors; None where the process is gone."""
    return max(_several(who, pid), key=lambda one: (one.fds, one.threads), default=None)


def least_at_rest(who: str, pid: int) -> Held | None:
    """The measure with the fewest descriptors: what stays, whatever is under way."""
    return min(_several(who, pid), key=lambda one: (one.fds, one.threads), default=None)


def _several(who: str, pid: int) -> list[Held]:
    found = []
    for _ in range(AT_REST):
        sample = held(who, pid, at_s=monotonic())
        found += [sample] if sample else []
        pause(0.5)
    return found


def _lives(child: int, parent: int) -> bool:
    return held("parent", parent, at_s=0.0) is None and held("child", child, at_s=0.0) is not None
