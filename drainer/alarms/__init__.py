"""What a person should look at, as views of a tick: nothing here is remembered, nothing is decided.

Kinds are short, stable and bounded: they are metric labels and stand in docs/interfaces.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from drainer.alarms.kind import Kind, Scene
from drainer.alarms.signal import SIGNAL
from drainer.alarms.stuck import STUCK
from drainer.alarms.trouble import JOURNAL, LAYERS, failing, refusals
from drainer.board import Alarm
from drainer.log import Log

KINDS: tuple[Kind, ...] = (*JOURNAL, *SIGNAL, *LAYERS, *STUCK)
"""Every kind of alarm that a tick can show, but steps that fail and layers that refuse."""


def alarms_of(scene: Scene) -> tuple[Alarm, ...]:
    """Every alarm that stands now, each kind at most once."""
    found: dict[str, Alarm] = {}
    for alarm in _standing(scene):
        found.setdefault(alarm.kind, alarm)
    return tuple(found.values())


def _standing(scene: Scene) -> Iterator[Alarm]:
    for kind in KINDS:
        said = kind.says(scene)
        if said:
            yield Alarm(kind=kind.name, reason=f"{said}; {kind.next}")
    yield from failing(scene.memory)


def announce(log: Log, *, before: tuple[Alarm, ...], fresh: tuple[Alarm, ...]) -> None:
    """One line when an alarm begins, one when it ends."""
    stood, stands = {alarm.kind for alarm in before}, {alarm.kind for alarm in fresh}
    for alarm in fresh:
        if alarm.kind not in stood:
            log.error("alarm.raised", kind=alarm.kind, reason=alarm.reason)
    for kind in sorted(stood - stands):
        log.info("alarm.cleared", kind=kind)


__all__ = ["KINDS", "Kind", "Scene", "alarms_of", "announce", "refusals"]
