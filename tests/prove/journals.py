"""Folded journals, each kept once: two that say the same are one object, so that a node is cheap to know."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

from drainer.core.episode import Episode, State

Key = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Journals:
    """Every state met so far, and what each became by what."""

    _known: dict[Key, State] = field(default_factory=dict)
    _derived: dict[tuple[int, Hashable], State] = field(default_factory=dict)

    def same(self, state: State) -> State:
        """The one object that says what this state says."""
        return self._known.setdefault((_episode_key(state.episode), state.wishes), state)

    def derived(self, state: State, why: Hashable, make: Callable[[], State]) -> State:
        """What became of a kept state; made once for each `why`."""
        key = (id(state), why)
        found = self._derived.get(key)
        if found is None:
            found = self._derived[key] = self.same(make())
        return found


def _episode_key(episode: Episode | None) -> Key | None:
    if episode is None:
        return None
    return (
        frozenset(episode.terms.items()),
        tuple(episode.layers.items()),
        frozenset(episode.hooks.items()),
        episode.cordoned_at and episode.cordoned_at.monotonic_s,
        episode.quiet_since and episode.quiet_since.monotonic_s,
        episode.lease,
        episode.published,
        episode.acknowledged,
        (episode.failing, episode.adopted, episode.taken, episode.yielded, episode.at_once),
    )
