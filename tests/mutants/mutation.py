"""`python -m tests.mutants.mutation`: every mutant of the core tried, its survivors held against the list.

Fails where a mutant survives that nobody judged, where an entry of the list survives no longer, and where the
tests fail without any mutant.
"""

from __future__ import annotations

import argparse
import tomllib
from collections import Counter
from pathlib import Path

import pytest

from tests.mutants.judged import Judged, Mutant, judged
from tests.mutants.made import modules, mutants_of
from tests.mutants.trial import Fate, Trials

PROJECT = Path(__file__).parents[2] / "pyproject.toml"


def main() -> int:
    """0: every mutant was killed or is judged."""
    asked = _asked()
    chosen = tuple(asked.module) or modules()
    made = [one for module in chosen for one in mutants_of(module)]
    fates: dict[Mutant, Fate] = {}

    def told(mutant: Mutant, fate: Fate, killer: str) -> None:
        fates[mutant] = fate
        if fate is not Fate.SURVIVED and mutant in known:
            print(f"JUDGED BUT {fate.value.upper()} by {killer or 'its end'}", flush=True)
        if fate is Fate.SURVIVED and mutant not in known:
            print(f"UNJUDGED {_shown(mutant)}", flush=True)
        if len(fates) % 50 == 0:
            print(f"{len(fates)} of {len(made)} tried", flush=True)

    listed = [one for one in judged() if one.mutant.module in chosen]
    known = {one.mutant for one in listed}
    trials = Trials(made=made, children=asked.children, told=told)
    pytest.main(_arguments(), plugins=[trials])
    for test in trials.failed:
        print(f"FAILS WITHOUT A MUTANT {test}")
    if not fates:
        print(f"mutation: {len(made)} mutants, none tried")
        return 1
    return _closing(fates, listed, len(made))


def _closing(fates: dict[Mutant, Fate], listed: list[Judged], made: int) -> int:
    survived = {mutant for mutant, fate in fates.items() if fate is Fate.SURVIVED}
    kept = [one for one in listed if one.mutant in survived]
    in_vain = [one for one in listed if one.mutant not in survived]
    for one in in_vain:
        print(f"LISTED IN VAIN {_shown(one.mutant)}")
    counts = Counter(fates.values())
    unjudged = len(survived) - len(kept)
    print(
        f"mutation: {made} mutants, {counts[Fate.KILLED]} killed, {counts[Fate.ENDLESS]} endless, "
        f"{len(kept)} survived and judged, {unjudged} unjudged, {len(in_vain)} listed in vain"
    )
    return 1 if unjudged or in_vain or len(fates) != made else 0


def _arguments() -> list[str]:
    tool = tomllib.loads(PROJECT.read_text("utf-8"))["tool"]["mutmut"]
    quiet = ["-q", "--no-header", "--no-summary", "-o", "timeout=0", "--assert=plain"]
    kept = ["-o", "tmp_path_retention_policy=none"]
    return [*quiet, *kept, *tool["pytest_add_cli_args"], *tool["pytest_add_cli_args_test_selection"]]


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants.mutation", description=__doc__)
    parser.add_argument("--module", action="append", default=[], choices=modules(), help="only this one")
    parser.add_argument("--children", type=int, default=1, help="mutants tried side by side (%(default)s)")
    return parser.parse_args()


def _shown(mutant: Mutant) -> str:
    was = [f"  - {line}" for line in mutant.was.splitlines()]
    now = [f"  + {line}" for line in mutant.now.splitlines()]
    return "\n".join([f"{mutant.module}.{mutant.function}", *was, *now])


if __name__ == "__main__":
    raise SystemExit(main())
