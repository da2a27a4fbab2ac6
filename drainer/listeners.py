"""The control socket and the local endpoint: conveniences, so that neither stops the daemon."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from drainer.board import Board
from drainer.errors import DrainerError
from drainer.log import Log
from drainer.ports import Clock
from drainer.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """`start` raises OSError or a DrainerError."""

    name: str
    start: Callable[[], None]
    stop: Callable[[], None]


def started(
    board: Board, settings: Settings, clock: Clock, *, log: Log, alarm: Callable[[str, str], None]
) -> list[Callable[[], None]]:
    """What stops those that could be had; for any other there is an alarm."""
    stops: list[Callable[[], None]] = []
    for one in _wanted(board, settings, clock):
        try:
            one.start()
        except (OSError, DrainerError) as error:
            log.warning(f"{one.name}.unavailable", reason=str(error))
            alarm(f"{one.name}-unavailable", str(error))
        else:
            stops.append(one.stop)
    return stops


def _wanted(board: Board, settings: Settings, clock: Clock) -> Iterator[Listener]:
    """A dry run has neither: what it believes must not be mistaken for what is."""
    from drainer.control import ControlServer
    from drainer.reporting.local import LocalEndpoint

    if settings.dry_run:
        return
    control = ControlServer(board, settings.socket, settings.control_group, state=settings.state, clock=clock)
    yield Listener(name="control", start=control.start, stop=control.stop)
    if settings.local is not None:
        local = LocalEndpoint(board, settings.local, clock=clock)
        yield Listener(name="local", start=local.start, stop=local.stop)
