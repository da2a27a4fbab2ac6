"""A failing story made short: beats are left out while it still fails."""

from __future__ import annotations

from drainer.reconcile import Reconciler
from tests.simulate.walk import BEATS, Walk


def shortened(seed: int, *, reconciler: type[Reconciler] = Reconciler) -> Walk:
    """The story of this seed with as few beats as still break a promise; it has run."""
    shortest = _told(seed, tuple(range(BEATS)), reconciler)
    if not shortest.violations:
        return shortest
    while (shorter := _one_less(shortest)) is not None:
        shortest = shorter
    return shortest


def _one_less(walk: Walk) -> Walk | None:
    """Late beats first: what came after the harm is seldom part of it."""
    for left_out in reversed(walk.beats):
        beats = tuple(beat for beat in walk.beats if beat != left_out)
        shorter = _told(walk.seed, beats, walk.reconciler)
        if shorter.violations:
            return shorter
    return None


def _told(seed: int, beats: tuple[int, ...], reconciler: type[Reconciler]) -> Walk:
    walk = Walk(seed=seed, beats=beats, reconciler=reconciler)
    walk.run()
    return walk
