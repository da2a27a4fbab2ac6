"""The journal folded: records to a state. Pure; the same records, the same state.

Total: a record that makes no sense where it stands changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import assert_never

from drainer.core.episode import Episode, LayerFacts, State, Wishes
from drainer.core.fold_wishes import skipped, wished
from drainer.core.fold_writes import WAY_OUT, finished, intended
from drainer.core.model import Instant, Stage
from drainer.core.record import (
    Closed,
    Finished,
    Intended,
    Joined,
    Noted,
    Opened,
    Outcome,
    Record,
    Terms,
    Wished,
)
from drainer.core.step import Noting

YIELD_AFTER = 2
"""Times somebody may give a layer back in one episode before we take their word for it."""


def fold(records: Iterable[Record], state: State | None = None) -> State:
    """The state after these records."""
    folded = state or State()
    for record in records:
        folded = after(folded, record)
    return folded


def after(state: State, record: Record) -> State:
    """The state after one more record."""
    body, at = record.body, record.at
    match body:
        case Opened():
            return replace(state, episode=_opened(body, at))
        case Wished():
            return wished(state, body.wish, at)
        case Closed():
            return replace(state, episode=None, wishes=replace(state.wishes, restore=False, force_at=None))
    if state.episode is None:
        return state
    episode = _within(state.episode, body, at)
    return replace(state, episode=episode, wishes=_wishes_after(state, body))


def _within(episode: Episode, body: Joined | Noted | Intended | Finished, at: Instant) -> Episode:
    match body:
        case Joined(layers=layers):
            joined = {name: replace(episode.layer(name), was=was) for name, was in layers.items()}
            return replace(episode, layers={**episode.layers, **joined})
        case Noted():
            return _noted(episode, body, at)
        case Intended():
            return intended(episode, body, at)
        case Finished():
            return finished(episode, body, at)
        case _:
            assert_never(body)


def _wishes_after(state: State, body: Joined | Noted | Intended | Finished) -> Wishes:
    """A threat that nobody skipped ends a wish to restore; a hook's no before the cordon is a skip."""
    match body:
        case Noted(what=Noting.THREAT_RETURNED | Noting.TERMS):
            return replace(state.wishes, restore=False)
        case Finished(step="hook", stage=Stage.BEFORE_CORDON, outcome=Outcome.ABORT) if state.episode:
            return skipped(state.wishes, state.episode.terms)
        case _:
            return state.wishes


def _opened(body: Opened, at: Instant) -> Episode:
    return Episode(
        id=body.episode,
        opened=at,
        vm=body.vm,
        vm_id=body.vm_id,
        policy=body.policy,
        terms={terms.event_id: terms for terms in body.terms},
        layers={name: LayerFacts(was=was) for name, was in body.layers.items()},
    )


def _noted(episode: Episode, note: Noted, at: Instant) -> Episode:
    match note.what:
        case Noting.QUIET_SINCE:
            return replace(episode, quiet_since=at)
        case Noting.THREAT_RETURNED:
            hooks = {stage: facts for stage, facts in episode.hooks.items() if stage in WAY_OUT}
            terms = _merged(episode, note)
            return replace(episode, quiet_since=None, hooks=hooks, terms=terms, at_once=False)
        case Noting.CORDONED_AT:
            return replace(_confirmed(episode, note), cordoned_at=at, taken=True)
        case Noting.TERMS:
            return replace(episode, terms=_merged(episode, note), at_once=False)
        case Noting.FAILING:
            return replace(episode, failing=True)
        case Noting.RETURNED:
            return _returned(episode, note)
        case _:
            assert_never(note.what)


def _merged(episode: Episode, note: Noted) -> Mapping[str, Terms]:
    """The terms of the notices listed now; those of notices that left are kept without their times.

    They still say what a notice that comes back meant, but force nothing.
    """
    present = {terms.event_id: terms for terms in note.terms}
    left = {
        event_id: replace(terms, force_at=None, not_before=None)
        for event_id, terms in episode.terms.items()
        if event_id not in present
    }
    return {**left, **present}


def _confirmed(episode: Episode, note: Noted) -> Episode:
    """Layers that were read back out: whoever gives them back from now on means it."""
    read_out = {name: replace(episode.layer(name), done=True) for name in note.layers}
    return replace(episode, layers={**episode.layers, **read_out})


def _returned(episode: Episode, note: Noted) -> Episode:
    """Somebody gave the layer back. It counts towards yielding only where we had it out, under threat."""
    facts = episode.layer(note.layer)
    before = facts.returned if facts.generation == note.generation else 0
    count = before + (1 if facts.done and episode.quiet_since is None else 0)
    given_back = replace(
        facts,
        intended=facts.intended and note.partly,
        done=False,
        adopted=facts.adopted and note.partly,
        returned=count,
        generation=note.generation,
    )
    yielded = episode.yielded or count >= YIELD_AFTER
    return replace(episode.with_layer(note.layer, given_back), yielded=yielded)
