"""Findings as lines for a person at three in the morning, and as JSON with a stable schema."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from drainer.doctor.check import Check, Verdict, exit_code

SCHEMA = 1
WORDS = {Verdict.PASS: "ok", Verdict.WARN: "warn", Verdict.REFUSED: "REFUSED", Verdict.SKIPPED: "skipped"}
OUTCOMES = {0: "pass", 3: "warn", 1: "refused"}


def as_object(checks: Sequence[Check]) -> dict[str, Any]:
    """The report, as docs/interfaces.md describes it."""
    return {
        "schema": SCHEMA,
        "outcome": OUTCOMES[exit_code(checks)],
        "checks": [
            {
                "name": each.name,
                "verdict": each.verdict.value,
                "reason": each.reason,
                "cure": each.cure or None,
            }
            for each in checks
        ],
    }


def lines(checks: Sequence[Check]) -> Iterator[str]:
    """One line for each check, its cure below it, and what it all comes to."""
    width = max(len(check.name) for check in checks)
    for check in checks:
        yield f"{WORDS[check.verdict]:8} {check.name:{width}}  {check.reason}"
        if check.cure:
            yield f"{'':8} {'':{width}}  -> {check.cure}"
    counts = {word: sum(each.verdict is verdict for each in checks) for verdict, word in WORDS.items()}
    yield ""
    yield ", ".join(f"{count} {word}" for word, count in counts.items() if count)
