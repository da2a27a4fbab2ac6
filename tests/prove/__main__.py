"""`python -m tests.prove`: search every configuration; one closing line.

It ends with 1 if a property is broken, a search cut short or a row never met. `--diagram` draws instead.
"""

from __future__ import annotations

import argparse
import gc
import sys
from pathlib import Path

from drainer.core.decide import TABLE
from tests.asked import positive
from tests.prove.phases import page
from tests.prove.search import search
from tests.prove.setups import DEEP, DRAWN, SHORT

PAGE = Path(__file__).parents[2] / "docs" / "phases.md"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.prove")
    parser.add_argument("--deep", action="store_true", help="more faults, layers and acts; takes an hour")
    parser.add_argument("--most", type=positive, default=1_000_000, help="states per configuration")
    parser.add_argument("--diagram", action="store_true", help="write docs/phases.md instead")
    asked = parser.parse_args()
    if asked.diagram:
        PAGE.write_text(page(), encoding="utf-8")
        sys.stdout.write(f"prove: {PAGE.name} drawn from {len(DRAWN)} configurations\n")
        return 0
    gc.disable()  # nothing that a search makes is garbage before its end
    setups = SHORT + (DEEP if asked.deep else ())
    states = transitions = broken = unfinished = 0
    rows: set[str] = set()
    for setup in setups:
        found = search(setup, most=asked.most)
        states, transitions = states + found.states, transitions + found.transitions
        broken += len(found.stories)
        rows |= found.rows if found.complete else set()
        unfinished += not found.complete
        sys.stdout.write(f"{setup.name}: {found.states} states{'' if found.complete else ', not all'}\n")
        for wrong, story in found.stories.items():
            sys.stdout.write("\n  ".join((f"BROKEN {wrong}", *story)) + "\n")
        sys.stdout.flush()
    unmet = [row.name for row in TABLE if row.name not in rows]
    sys.stdout.write(
        f"prove: {len(setups)} configurations ({unfinished} cut short), {states} states, "
        f"{transitions} transitions, {broken} broken, rows never met: {' '.join(unmet) or 'none'}\n"
    )
    return 1 if broken or unfinished or unmet else 0


if __name__ == "__main__":
    sys.exit(main())
