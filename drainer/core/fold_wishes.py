"""Operators' wishes folded into the state."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import assert_never

from drainer.core import wish as asked
from drainer.core.episode import Episode, LayerFacts, State, Wishes, all_in
from drainer.core.model import Instant, Membership


def wished(state: State, wish: asked.Wish, at: Instant) -> State:
    """The state once this wish was granted."""
    match wish:
        case asked.Restore(event_ids=ids):
            return _restoring(state, frozenset(ids))
        case asked.Resume():
            return _resumed(state)
        case asked.Adopt(layers=layers):
            opened = _adopted(state.episode, layers) if state.episode else _opened(layers, at)
            return replace(state, episode=opened)
        case _:
            return replace(state, wishes=_kept(state.wishes, wish, at))


def skipped(wishes: Wishes, event_ids: Iterable[str]) -> Wishes:
    """These notices dropped; an operator's own drain among them is over."""
    ids = frozenset(event_ids) - {asked.OPERATOR_ID}
    return replace(wishes, drain=None, drain_since=None, skips=wishes.skips | ids)


def _kept(
    old: Wishes, wish: asked.Drain | asked.Skip | asked.Hold | asked.Force | asked.Ended, at: Instant
) -> Wishes:
    match wish:
        case asked.Drain():
            return replace(old, drain=wish, drain_since=at)
        case asked.Skip(event_id=event_id):
            return replace(old, skips=old.skips | {event_id})
        case asked.Hold(until=until):
            return replace(old, hold_until=until)
        case asked.Force():
            return replace(old, force_at=at)
        case asked.Ended():
            return _ended(old, wish)
        case _:
            assert_never(wish)


def _ended(old: Wishes, ended: asked.Ended) -> Wishes:
    match ended.wish:
        case "drain":
            return replace(old, drain=None, drain_since=None)
        case "hold":
            return replace(old, hold_until=None)
        case "force":
            return replace(old, force_at=None)
        case "skip":
            return replace(old, skips=old.skips - {ended.event_id})
        case _:
            return old


def _restoring(state: State, ids: frozenset[str]) -> State:
    """Everything present is skipped, also what only the journal knows to be present."""
    episode = state.episode
    present = ids | (frozenset(episode.terms) if episode else frozenset())
    wishes = replace(skipped(state.wishes, present), force_at=None, restore=episode is not None)
    return State(episode=episode and replace(episode, at_once=True), wishes=wishes)


def _resumed(state: State) -> State:
    wishes = replace(state.wishes, hold_until=None)
    if state.episode is None:
        return replace(state, wishes=wishes)
    hooks = {stage: replace(facts, aborted=False) for stage, facts in state.episode.hooks.items()}
    layers = {name: replace(facts, returned=0) for name, facts in state.episode.layers.items()}
    return State(episode=replace(state.episode, yielded=False, hooks=hooks, layers=layers), wishes=wishes)


def _opened(layers: Mapping[str, Membership | None], at: Instant) -> Episode:
    """An episode over layers whose history is lost."""
    return Episode(
        id=f"adopted-{at.wall:%Y%m%dT%H%M%SZ}",
        opened=at,
        vm="",
        vm_id="",
        policy="",
        terms={},
        layers={name: _ours(reading) for name, reading in layers.items()},
        adopted=True,
        taken=True,
    )


def _adopted(episode: Episode, layers: Mapping[str, Membership | None]) -> Episode:
    """An open episode takes over the layers of which it has no record; what it recorded stands."""
    unrecorded = {name: _ours(reading) for name, reading in layers.items() if episode.layer(name).was is None}
    return replace(episode, layers={**episode.layers, **unrecorded}, adopted=True, taken=True)


def _ours(reading: Membership | None) -> LayerFacts:
    """Everything in the layer counts as was In and ours."""
    was = None if reading is None else all_in(reading)
    return LayerFacts(was=was, intended=True, adopted=True)
