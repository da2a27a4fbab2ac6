"""The phase of a VM in one word, as people are shown it: a view of (step, episode), never an input.

Nothing is decided by it. A lease has phases too; those are `drainer.core.model.Phase`.
"""

from __future__ import annotations

from enum import Enum

from drainer.core.episode import Episode
from drainer.core.model import Phase, Stage
from drainer.core.step import Acknowledge, Acquire, Hook, Isolate, Publish, Step, Wait


class VmPhase(Enum):
    """What is going on with this VM."""

    STARTING = "starting"  # the daemon has not ticked yet
    STEADY = "steady"  # nothing to drain for
    WAITING = "waiting"  # an episode is open, and nothing was taken out yet
    DRAINING = "draining"  # taken out, work may still be in flight
    DRAINED = "drained"  # the drain has ended, proven or not; the event is awaited
    RESTORING = "restoring"  # the notice is gone, what was taken is not all given back
    HELD = "held"  # an operator said hold
    YIELDED = "yielded"  # somebody put the VM back twice; it stays in until `resume`
    BLIND = "blind"  # no document to believe


def phase_of(step: Step | None, episode: Episode | None) -> VmPhase:
    """The phase at this step; `step` None: by the episode alone, as the journal tells it."""
    match step:
        case Wait(reason="blind"):
            return VmPhase.BLIND
        case Wait(reason="hold" | "gate hold"):
            return VmPhase.HELD
        case Wait(reason="yielded"):
            return VmPhase.YIELDED
    if episode is None:
        return VmPhase.STEADY
    if episode.quiet_since is not None:
        return VmPhase.RESTORING
    if episode.cordoned_at is None and not taken_out(episode):
        return VmPhase.WAITING
    return VmPhase.DRAINED if _past_drain(step) else VmPhase.DRAINING


def taken_out(episode: Episode | None) -> bool:
    """Whether this VM is being taken out, or is out, by our hand: an application should send clients away."""
    return episode is not None and any(facts.intended for facts in episode.layers.values())


def _past_drain(step: Step | None) -> bool:
    match step:
        case Wait(reason="notice pending"):
            return True
        case Isolate() | Publish() | Acknowledge():
            return True
        case Hook(stage=Stage.DRAINED) | Acquire(phase=Phase.REBOOTING):
            return True
        case _:
            return False
