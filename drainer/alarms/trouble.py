"""Alarms of what we stand on: the journal, the balancers' answers, and steps that keep failing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta

from drainer.alarms.kind import Kind, Scene
from drainer.board import Alarm
from drainer.core.model import Unreadable, elapsed
from drainer.memory import Memory
from drainer.ports import Backend, Guarded

FAILING_AFTER = 3
PASSING = frozenset({"asleep", "azure-slow"})
"""Kinds of an unread layer that only say "soon"."""

PASSES_WITHIN = timedelta(seconds=10)


def _damaged(scene: Scene) -> str:
    return scene.journal.broken


def _unwritable(scene: Scene) -> str:
    count = scene.journal.unrecorded
    return f"{count} records could not be written" if count else scene.journal.unready


def _unreadable(scene: Scene) -> str:
    """A layer that matters now and cannot be read."""
    if scene.episode is None and not scene.threatened:
        return ""
    for sight in scene.layers:
        reading, since = sight.reading, scene.memory.unread_since.get(sight.name, scene.now)
        if not isinstance(reading, Unreadable):
            continue
        if reading.kind not in PASSING or elapsed(since, scene.now) > PASSES_WITHIN:
            return f"{sight.name}: {reading.kind}: {reading.reason}"
    return ""


JOURNAL = (
    Kind(
        name="journal-damaged",
        says=_damaged,
        next="nothing is taken out any more, and what it still says is given back. "
        "Stop the daemon and run `drainer restore --offline`: "
        "it sets the journal aside, or says what to look at",
    ),
    Kind(
        name="journal-unwritable",
        says=_unwritable,
        next="giving back goes on, taking out does not; make room in the state directory",
    ),
)

LAYERS = (
    Kind(
        name="layer-unreadable",
        says=_unreadable,
        next="it is asked again at every look, and the other layers go on",
    ),
)


def failing(memory: Memory) -> Iterator[Alarm]:
    """Steps that failed too often in a row; their kind bears the step's name."""
    for key, backoff in memory.backoffs.items():
        if backoff.failures >= FAILING_AFTER:
            yield Alarm(
                kind=f"{key.split()[0]}-failing",
                reason=f"{key} failed {backoff.failures} times: {backoff.reason}; it is tried again",
            )


def refusals(layers: Iterable[Backend]) -> tuple[Alarm, ...]:
    """Layers that leave themselves alone, the first of them."""
    refused = ((layer.name, layer.refusal) for layer in layers if isinstance(layer, Guarded))
    return tuple(Alarm(kind="layer-refused", reason=f"{name}: {why}") for name, why in refused if why)[:1]
