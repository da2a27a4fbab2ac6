"""How many lines of the modules it explores a target's kept inputs reach.

`python -m tests.fuzz.covered MODULE TARGET CORPUS` prints both counts: imports are counted too, so it needs a
process that has imported nothing of ours.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import coverage

from tests.fuzz.child import UNDER
from tests.fuzz.modules import files
from tests.fuzz.target import FOLDER, Target, scratch

WITHIN_S = 900
MOST_INPUTS = 3000


def lines(target: Target, corpus: Path) -> tuple[int, int]:
    """Lines reached, and all there are; raises where the child fails."""
    with scratch() as place:
        ran = subprocess.run(
            [sys.executable, "-m", "tests.fuzz.covered", target.one.__module__, target.name, str(corpus)],
            stdout=subprocess.PIPE,
            env={**os.environ, FOLDER: place, UNDER: ",".join(target.under)},
            timeout=WITHIN_S,
            check=True,
        )
    reached, of_all = json.loads(ran.stdout)
    return reached, of_all


def main() -> None:
    module, name, corpus = sys.argv[1:]
    sources = files(os.environ[UNDER].split(","))
    measured = coverage.Coverage(data_file=None, config_file=False, include=sources)
    measured.start()
    target = next(each for each in import_module(module).TARGETS if each.name == name)
    for path in sorted(Path(corpus).iterdir())[:MOST_INPUTS]:
        with contextlib.suppress(Exception):  # a finding: it is told elsewhere
            target.one(path.read_bytes())
    measured.stop()
    counts = [_counted(measured, source) for source in sources]
    print(json.dumps([sum(reached for reached, _ in counts), sum(of_all for _, of_all in counts)]))


def _counted(measured: coverage.Coverage, source: str) -> tuple[int, int]:
    _, statements, _, missing, _ = measured.analysis2(source)
    return len(statements) - len(missing), len(statements)


if __name__ == "__main__":
    main()
