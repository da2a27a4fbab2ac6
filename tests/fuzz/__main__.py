"""`python -m tests.fuzz [--seconds N | --runs N] [--resume] [--target NAME]`: every target, or those named.
With `--schema N`: the emulator's control path instead, N requests of each operation that its document allows and
N that it forbids.

A finding is kept under build/fuzz/TARGET/, with the command that replays it, until somebody takes the file away.
Exits 1 if there is one.
"""

from __future__ import annotations

import argparse
import sys

from tests.asked import positive
from tests.fuzz.running import Bound, Result, run, told
from tests.fuzz.targets import ALL


def main() -> int:
    asked = _arguments()
    if asked.schema:
        return _schema(asked.schema)
    chosen = [ALL[name] for name in asked.target] if asked.target else list(ALL.values())
    bound = Bound(runs=asked.runs, seconds=asked.seconds)
    results = []
    for target in chosen:
        results.append(run(target, bound, resume=asked.resume))
        print(told(results[-1], target), flush=True)
    print(_closing(results))
    return 0 if all(result.clean for result in results) else 1


def _schema(examples: int) -> int:
    from tests.fuzz.schema import explore, labels

    requests = findings = 0
    for label in labels():
        outcome = explore(label, examples=examples)
        requests, findings = requests + outcome.requests, findings + len(outcome.findings)
        statuses = " ".join(map(str, sorted(outcome.statuses)))
        print(f"{label:20}{outcome.requests:6} requests  answered {statuses}", *outcome.findings, sep="\n  ")
    print(f"schema: {len(labels())} operations, {requests} requests, {findings} findings")
    return 1 if findings else 0


def _closing(results: list[Result]) -> str:
    figures = [result.figures for result in results]
    executions, edges = (sum(each.executions for each in figures), sum(each.edges for each in figures))
    lines, of_lines = (sum(each.lines for each in figures), sum(each.of_lines for each in figures))
    bad = sum(not result.clean for result in results)
    return (
        f"fuzz: {len(results)} targets, {executions} executions, {edges} edges, "
        f"{lines} of {of_lines} lines under them, {bad} targets with findings"
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    bound = parser.add_mutually_exclusive_group()
    bound.add_argument("--seconds", type=positive, help="for each target; default: 10")
    bound.add_argument("--runs", type=positive, help="executions of each target, in all")
    parser.add_argument("--resume", action="store_true", help="go on from what build/fuzz keeps")
    parser.add_argument("--target", action="append", choices=sorted(ALL), help="repeatable; default: all")
    bound.add_argument("--schema", type=positive, metavar="N", help="ask the emulator's control path instead")
    asked = parser.parse_args()
    if asked.runs is None and asked.seconds is None:
        asked.seconds = 10
    return asked


if __name__ == "__main__":
    sys.exit(main())
