"""What came of a step that touched the world: records for the journal, and how the step rests."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from drainer.core.model import Denied, Granted, Phase, Stage
from drainer.core.record import Finished, Outcome
from drainer.core.step import Step, name_of
from drainer.errors import DrainerError, Transient

UNDER_WAY = "pending"
"""The kind of an outcome of a write that goes on: no failure."""

PENDING_REST = timedelta(milliseconds=500)
"""How long a step that is under way rests before it is asked after again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Acted:
    """What came of a step. `failure`: it rests as a failure; `rests_for`: it rests, and that is none."""

    outcomes: tuple[Finished, ...]
    failure: DrainerError | None = None
    rests_for: timedelta | None = None
    granted: Granted | None = None
    denied: Denied | None = None


def done(step: Step, *, layer: str = "", event_id: str = "", stage: Stage | None = None) -> Acted:
    """The step had its effect, and that was seen."""
    layers = (layer,) if layer else ()
    outcome = Finished(
        step=name_of(step), outcome=Outcome.DONE, layers=layers, event_id=event_id, stage=stage
    )
    return Acted(outcomes=(outcome,))


def failed(
    step: Step,
    error: DrainerError,
    *,
    layer: str = "",
    event_id: str = "",
    stage: Stage | None = None,
    phase: Phase | None = None,
) -> Acted:
    """The step raised. It may have had its effect all the same."""
    outcome = Finished(
        step=name_of(step),
        outcome=Outcome.FAILED,
        layers=(layer,) if layer else (),
        event_id=event_id,
        stage=stage,
        phase=phase,
        kind=error.kind,
        reason=error.reason,
    )
    return Acted(outcomes=(outcome,), failure=error)


def rests_at_least(error: DrainerError) -> timedelta | None:
    """How long the other side asked us to wait, where it did."""
    return error.retry_after if isinstance(error, Transient) else None
