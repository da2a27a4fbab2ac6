"""A balancer made of one JSON file, as somebody's script would operate it: VERB STATE-FILE.

Run as a program by the command backend's tests; also imported, to act as an operator.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

CHANGES: dict[str, dict[str, object]] = {
    "cordon": {"standing": "out"},
    "isolate": {"standing": "out", "isolated": True},
    "restore": {"standing": "in", "isolated": False},
}


def change(state: Path, entries: list[str], **fields: object) -> None:
    held = json.loads(state.read_text())
    for entry in held["entries"]:
        if entry["name"] in entries:
            entry.update(fields)
    state.write_text(json.dumps(held))


def main(verb: str, state: Path) -> int:
    if verb == "membership":
        print(state.read_text())
    elif verb == "in_flight":
        print(0)
    else:
        change(state, os.environ["DRAINER_ENTRIES"].split("\n"), **CHANGES[verb])
    if (lost := state.with_name("lose")).exists() and verb in CHANGES:
        lost.unlink()
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
