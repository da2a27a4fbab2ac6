"""Cordon, isolate, restore: one verb of one backend each, and what came of it.

Half a cordon is retried, never rolled back, and no layer waits for another's failure.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from drainer.acted import PENDING_REST, UNDER_WAY, Acted, done, failed
from drainer.around import Ports
from drainer.core.episode import Episode
from drainer.core.layers import was_of
from drainer.core.model import Done, Membership, Progress
from drainer.core.record import Finished, Outcome
from drainer.core.step import Cordon, Isolate, Restore, name_of
from drainer.errors import DrainerError, Refused
from drainer.ports import Backend


def cordon(step: Cordon, ports: Ports, episode: Episode) -> Acted:
    """Every layer is tried, whatever became of the others."""
    tried = tuple(_cordon_one(step, ports.layer(name), episode) for name in step.layers)
    failure = next((acted.failure for acted in tried if acted.failure), None)
    pending = next((acted.rests_for for acted in tried if acted.rests_for), None)
    outcomes = tuple(outcome for acted in tried for outcome in acted.outcomes)
    return Acted(outcomes=outcomes, failure=failure, rests_for=None if failure else pending)


def isolate(step: Isolate, ports: Ports, episode: Episode) -> Acted:
    """Remove hard what the journal says was In; what an operator had out stays as it is."""
    backend = ports.layer(step.layer)
    return _write(step, step.layer, lambda: backend.isolate(_owed(backend, episode)))


def restore(step: Restore, ports: Ports, episode: Episode) -> Acted:
    """Give back what the journal says was In, on whatever the layer is made of today."""
    backend = ports.layer(step.layer)
    return _write(step, step.layer, lambda: backend.restore(_owed(backend, episode)))


def _cordon_one(step: Cordon, backend: Backend, episode: Episode) -> Acted:
    """Where a layer only removes, its removal is its cordon."""
    if backend.cordons:
        return _write(step, backend.name, backend.cordon)
    return _write(step, backend.name, lambda: backend.isolate(_owed(backend, episode)))


def _owed(backend: Backend, episode: Episode) -> Membership:
    facts = episode.layer(backend.name)
    if facts.was is not None:
        return facts.was
    return was_of(facts, backend.membership()) or Membership(entries=())


def _write(step: Cordon | Isolate | Restore, name: str, verb: Callable[[], Progress]) -> Acted:
    try:
        progress = verb()
    except DrainerError as error:
        return _failed(step, name, error)
    if isinstance(progress, Done):
        return done(step, layer=name)
    outcome = Outcome.UNTOUCHED if progress.untouched else Outcome.PENDING
    pending = Finished(
        step=name_of(step), outcome=outcome, layers=(name,), kind=UNDER_WAY, reason=progress.reason
    )
    return Acted(outcomes=(pending,), rests_for=PENDING_REST)


def _failed(step: Cordon | Isolate | Restore, name: str, error: DrainerError) -> Acted:
    """It rests as any failure; but where nothing was changed, nothing of it can land later."""
    if isinstance(error, Refused) and error.kind == "entry-gone":
        return _gone(step, name, error)
    acted = failed(step, error, layer=name)
    if not error.untouched:
        return acted
    outcomes = tuple(replace(outcome, outcome=Outcome.UNTOUCHED) for outcome in acted.outcomes)
    return replace(acted, outcomes=outcomes)


def _gone(step: Cordon | Isolate | Restore, name: str, error: Refused) -> Acted:
    """What is no longer there takes no work and cannot be given back: the step is over, and said to be."""
    over = Finished(
        step=name_of(step), outcome=Outcome.DONE, layers=(name,), kind=error.kind, reason=error.reason
    )
    return Acted(outcomes=(over,))
