"""Dry-run: ports that read the real world and believe what they would have written to it.

Nothing outside is changed: no lease, hook, acknowledgement or system log; the journal is in memory.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from drainer.act import Feed, Ports
from drainer.core.model import (
    AckAnswer,
    Document,
    Done,
    Entry,
    Go,
    HookAnswer,
    InFlight,
    Membership,
    Progress,
    Standing,
    Unmeasured,
    Unreadable,
    Work,
)
from drainer.ports import Backend, Connections, HookCall


class BelievedBackend:
    """A layer read for real, with every step that we would have taken laid over it."""

    def __init__(self, real: Backend) -> None:
        self._real = real
        self._out: dict[str, bool] = {}  # entry → isolated
        self.name = real.name
        self.read_every = real.read_every
        self.settles_in = timedelta(0)

    @property
    def cordons(self) -> bool:
        return self._real.cordons

    @property
    def isolates(self) -> bool:
        return self._real.isolates

    @property
    def believes_out(self) -> bool:
        return bool(self._out)

    def membership(self) -> Membership:
        real = self._real.membership()
        return replace(real, entries=tuple(self._laid_over(entry) for entry in real.entries))

    def _laid_over(self, entry: Entry) -> Entry:
        if entry.name not in self._out:
            return entry
        return replace(entry, standing=Standing.OUT, isolated=self._out[entry.name])

    def in_flight(self) -> Work:
        return InFlight(count=0) if self._out else self._real.in_flight()

    def cordon(self) -> Progress:
        self._out.update(dict.fromkeys(self.membership().taking_work, False))
        return Done()

    def isolate(self, was: Membership) -> Progress:
        self._out.update(dict.fromkeys(was.taking_work, True))
        return Done()

    def restore(self, was: Membership) -> Progress:
        for name in was.taking_work:
            self._out.pop(name, None)
        return Done()

    def in_service_count(self) -> int | Unmeasured:
        return self._real.in_service_count()

    def undo(self) -> str:
        return self._real.undo()

    def __getattr__(self, name: str) -> Any:
        """What only some backends have: rest, refusal. An owner mark is not looked for."""
        if name == "mark":
            raise AttributeError(name)
        return getattr(self._real, name)

    def close(self) -> None:
        self._real.close()


class BelievedConnections:
    """Once a layer is believed out, work is believed to end: nothing was really taken away from us."""

    def __init__(self, real: Connections, layers: tuple[BelievedBackend, ...]) -> None:
        self._real = real
        self._layers = layers

    def in_flight(self) -> Work:
        if any(layer.believes_out for layer in self._layers):
            return InFlight(count=0)
        return self._real.in_flight()


class SilentFeed:
    """Reads the real documents; an acknowledgement goes nowhere."""

    def __init__(self, real: Feed) -> None:
        self._real = real

    def latest(self) -> Document | Unreadable:
        return self._real.latest()

    def acknowledge(self, event_id: str) -> AckAnswer:
        return AckAnswer.DONE


class SilentHooks:
    """Every hook says go, and none runs."""

    def run(self, call: HookCall, *, timeout: timedelta, stopping: Callable[[], bool]) -> HookAnswer:
        return Go()


class SilentSystemLog:
    def write(self, level: str, message: str) -> None:
        return


def dry(ports: Ports) -> Ports:
    """The same ports, harmless."""
    layers = tuple(BelievedBackend(layer) for layer in ports.layers)
    return replace(
        ports,
        feed=SilentFeed(ports.feed),
        layers=layers,
        connections=BelievedConnections(ports.connections, layers),
        hooks=SilentHooks(),
        system_log=SilentSystemLog(),
        dry_run=True,
    )
