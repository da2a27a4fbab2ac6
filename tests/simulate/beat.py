"""One beat of a story: whom something befalls, by which chance."""

from __future__ import annotations

import random
from dataclasses import dataclass

from tests.simulate.fleet import Fleet
from tests.simulate.sidecar import Sidecar

BEATS_PER_SEED = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """`chance` belongs to this beat alone: what other beats did does not change it."""

    number: int
    fleet: Fleet
    vm: Sidecar
    chance: random.Random


def chance_of(seed: int, number: int) -> random.Random:
    return random.Random(seed * BEATS_PER_SEED + number)
