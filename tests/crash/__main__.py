"""`python -m tests.crash [--real [--shipped]]`: the whole matrix, a table, one closing line; 1 on a finding.

`--real` kills real daemons too, minutes long; `--shipped` leaves them the two minutes for which a lost write
may land.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.crash import campaign, damage
from tests.crash.matrix import Cell, Moment, acting, cells, findings, lived, unreached, whole
from tests.crash.stories import STORIES


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--real", action="store_true", help="real daemons over each ground, too")
    parser.add_argument("--shipped", action="store_true", help="with the shipped time for a lost write")
    asked = parser.parse_args(arguments)
    stories = {name: whole(name) for name in STORIES}
    run: Counter[tuple[str, Moment]] = Counter()
    endings: Counter[str] = Counter()
    found = [f"no story takes the step {name}" for name in sorted(unreached(stories))]
    for cell in cells(stories):
        wrong = findings(cell, lived(cell), stories[cell.story])
        run[cell.step, cell.moment] += 1
        endings["wrong" if wrong else _ending(cell)] += 1
        found += wrong
    with tempfile.TemporaryDirectory() as root:
        damaged, wrong_of_damage = damage.findings(Path(root))
    found += wrong_of_damage
    print(_table(run))
    real = campaign.run(shipped=asked.shipped) if asked.real else campaign.Ran()
    found += real.found
    for line in found:
        print(line, file=sys.stderr)
    print(
        f"crash: {run.total()} cells in process, {endings['converged']} converged, "
        f"{endings['set aside']} set aside; "
        f"{damaged} cells of a damaged journal; {real}; {len(found)} findings"
    )
    return 1 if found else 0


def _ending(cell: Cell) -> str:
    return "set aside" if cell.restart == "another VM" else "converged"


def _table(run: Counter[tuple[str, Moment]]) -> str:
    head = "step".ljust(12) + "".join(moment.value.rjust(18) for moment in Moment)
    rows = [
        step.ljust(12) + "".join(str(run[step, moment] or "-").rjust(18) for moment in Moment)
        for step in sorted(acting())
    ]
    return "\n".join((head, *rows))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
