"""`python -m tests.soak [--minutes N] [--maintenances N]`: exits 1 on any finding; figures in build/soak."""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from tests.asked import above_zero, positive
from tests.soak import report
from tests.soak.run import Length, soak
from tests.soak.verdict import findings

BUILD = Path("build/soak")
AN_HOUR = 40
"""Maintenances that are expected at least."""


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=above_zero, default=30.0)
    parser.add_argument("--maintenances", type=positive, help="end after so many, whatever --minutes says")
    parser.add_argument("--directory", type=Path, default=BUILD)
    asked = parser.parse_args(arguments)
    expected = asked.maintenances or max(1, round(asked.minutes * AN_HOUR / 60))
    length = Length(minutes=asked.minutes, maintenances=asked.maintenances, expected=expected)
    shutil.rmtree(asked.directory, ignore_errors=True)
    asked.directory.mkdir(parents=True)
    seen = soak(asked.directory.resolve(), length, lambda line: print(line, file=sys.stderr, flush=True))
    report.write(asked.directory / "report.json", seen)
    print(report.closing_line(seen))
    return 1 if findings(seen) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
