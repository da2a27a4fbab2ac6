"""`python -m tests.simulate --seeds N [--seed N] [--jobs N]`: seeded stories of a fleet in virtual time.

A story that breaks a promise is told as short as it still does, with the command that tells it again. Ends
with one line of counts.
"""

from __future__ import annotations

import argparse
import gc
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from drainer.reconcile import Reconciler
from tests.simulate.shrink import shortened
from tests.simulate.walk import Walk

SEEDS = 2000
CHUNK = 50
REPORT_EVERY = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What became of one story. `lines`: the story made short, where a promise was broken."""

    seed: int
    vms: int
    moves: int
    episodes: int
    violations: tuple[str, ...]
    lines: tuple[str, ...] = ()


def tell(seed: int, *, reconciler: type[Reconciler] = Reconciler) -> Told:
    """Run one seed's story."""
    walk = Walk(seed=seed, reconciler=reconciler)
    violations = tuple(walk.run())
    return Told(
        seed=seed,
        vms=len(walk.fleet.vms),
        moves=len(walk.beats),
        episodes=walk.episodes,
        violations=violations,
        lines=_short(seed, reconciler) if violations else (),
    )


def _short(seed: int, reconciler: type[Reconciler]) -> tuple[str, ...]:
    walk = shortened(seed, reconciler=reconciler)
    return (walk.setting, *walk.told, *(f"VIOLATION {sentence}" for sentence in walk.violations))


def stories(seeds: Sequence[int], jobs: int) -> Iterator[Told]:
    """Every story, in the order of its seed; `jobs` processes tell them."""
    if jobs > 1:
        with ProcessPoolExecutor(max_workers=jobs, initializer=gc.disable) as pool:
            yield from pool.map(_told, seeds, chunksize=CHUNK)
        return
    gc.disable()
    try:
        yield from map(_told, seeds)
    finally:
        gc.enable()


def _told(seed: int) -> Told:
    """Rubbish is collected now and then, not in the middle of stories: that would be a tenth of the time."""
    told = tell(seed)
    if seed % CHUNK == 0:
        gc.collect()
    return told


def main(arguments: Sequence[str]) -> int:
    """0: no promise was broken."""
    asked = _asked(arguments)
    first = asked.first if asked.seed is None else asked.seed
    vms = moves = episodes = violations = 0
    for number, told in enumerate(stories(range(first, first + asked.seeds), asked.jobs), start=1):
        vms, moves, episodes = vms + told.vms, moves + told.moves, episodes + told.episodes
        violations += len(told.violations)
        if told.violations:
            print("\n".join((*told.lines, f"again: make simulate SEEDS=1 SEED={told.seed}")), flush=True)
        if number % REPORT_EVERY == 0:
            print(f"{number} seeds, {violations} violations", flush=True)
    counts = f"{asked.seeds} seeds from {first}, {vms} VMs, {moves} moves, {episodes} episodes"
    print(f"simulate: {counts}, {violations} violations")
    return 1 if violations else 0


def _asked(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulate", description=__doc__)
    parser.add_argument("--seeds", type=int, default=None, help="how many stories; 1 where a seed is named")
    parser.add_argument("--seed", type=int, default=None, help="the first seed, usually the only one")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    asked = parser.parse_args(arguments)
    if asked.seeds is None:
        asked.seeds = SEEDS if asked.seed is None else 1
    if asked.seeds < 1 or asked.jobs < 1:
        parser.error("--seeds and --jobs: expected 1 or more")
    return asked


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
