"""Look for the first story in which a wrong belief breaks a promise."""

from __future__ import annotations

from dataclasses import dataclass

from tests.mutants.beliefs import KeepsTheFirstCordonedAt, Mutant, ReleasesOnlyWhatItHolds
from tests.simulate.moves_faults import budget_fails, work_comes_and_goes
from tests.simulate.moves_owners import nothing, operator_puts_in
from tests.simulate.moves_platform import Move, notice_appears, notice_vanishes, notice_without_a_time
from tests.simulate.walk import Walk

LOOKS = 300
"""Stories that a mutant is given to betray itself in."""

RARE: dict[type[Mutant], tuple[Move, ...]] = {
    KeepsTheFirstCordonedAt: (notice_without_a_time, nothing, operator_puts_in, work_comes_and_goes),
    ReleasesOnlyWhatItHolds: (notice_appears, notice_vanishes, budget_fails, nothing),
}
"""What must meet for a belief to do harm, where that is seldom."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caught:
    """The story that gave it away, and the promise it broke."""

    seed: int
    violation: str


def hunt(mutant: type[Mutant]) -> Caught | None:
    """None: it survived."""
    for seed in range(LOOKS):
        violations = Walk(seed=seed, reconciler=mutant, only=RARE.get(mutant, ())).run()
        if violations:
            return Caught(seed=seed, violation=violations[0])
    return None
