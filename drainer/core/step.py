"""What to do next: a closed union. `decide` returns one; the reconciler acts on it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum

from drainer.core.model import Phase, Stage


class Noting(Enum):
    """Facts worth remembering that the world cannot tell back."""

    QUIET_SINCE = "quiet-since"
    THREAT_RETURNED = "threat-returned"
    CORDONED_AT = "cordoned-at"
    RETURNED = "returned"  # somebody gave a layer back while it was intended out
    TERMS = "terms"  # a notice joined, or its times moved
    FAILING = "failing"  # the application was failing its deep check when the episode opened


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """The only idle. `wake_after` None: nothing to wait for but the world."""

    reason: str
    wake_after: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """Begin an episode, or record in an open one what `layers` were."""

    layers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    what: Noting
    layer: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Acquire:
    phase: Phase
    forced: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Cordon:
    """Stop new work on these layers; `forced`: past force, although budget or a soft gate said not yet.

    `again`: they are out or leaving already; it asks after a Cordon that was answered "under way".
    """

    layers: tuple[str, ...]
    forced: bool = False
    again: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Isolate:
    layer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    stage: Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Publish:
    event_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledge:
    event_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Restore:
    layer: str


@dataclass(frozen=True, slots=True)
class Release:
    pass


@dataclass(frozen=True, slots=True)
class Close:
    pass


Step = (
    Wait | Open | Note | Acquire | Cordon | Isolate | Hook | Publish | Acknowledge | Restore | Release | Close
)

STEPS: tuple[type[Step], ...] = (
    Wait,
    Open,
    Note,
    Acquire,
    Cordon,
    Isolate,
    Hook,
    Publish,
    Acknowledge,
    Restore,
    Release,
    Close,
)


def name_of(step: Step) -> str:
    """The step's name in logs, metrics and the journal."""
    return type(step).__name__.lower()


def key_of(step: Step) -> str:
    """What a failing step backs off by: its kind, and whom it concerns where others must not wait for it."""
    match step:
        case Restore(layer=layer) | Isolate(layer=layer):
            return f"{name_of(step)} {layer}"
        case Hook(stage=stage):
            return f"hook {stage.value}"
        case Publish(event_id=event_id) | Acknowledge(event_id=event_id):
            return f"{name_of(step)} {event_id}"
        case _:
            return name_of(step)
