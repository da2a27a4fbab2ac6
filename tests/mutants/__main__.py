"""`python -m tests.mutants`: every wrong belief and the check that caught it. Fails where one survives."""

from __future__ import annotations

from tests.mutants.beliefs import MUTANTS, Mutant
from tests.mutants.hunt import Caught, hunt


def main() -> int:
    """0: every mutant was caught."""
    survivors = 0
    for mutant in MUTANTS:
        caught = hunt(mutant)
        survivors += caught is None
        print(_line(mutant, caught), flush=True)
    print(f"mutants: {len(MUTANTS)} tried, {len(MUTANTS) - survivors} caught, {survivors} survived")
    return 1 if survivors else 0


def _line(mutant: type[Mutant], caught: Caught | None) -> str:
    if caught is None:
        return f"SURVIVED {mutant.__name__}"
    return f"{mutant.__name__}: seed {caught.seed}: {caught.violation}"


if __name__ == "__main__":
    raise SystemExit(main())
