"""One finding, and what a list of findings comes to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from drainer.errors import DrainerError

PASSED, WARNED, REFUSED = 0, 3, 1
"""Exit codes of `drainer doctor`."""


class Verdict(Enum):
    PASS = "pass"
    WARN = "warn"
    REFUSED = "refused"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """`reason`: what was seen. `cure`: what a person does about it, "" where there is nothing to do."""

    name: str
    verdict: Verdict
    reason: str
    cure: str = ""


def passed(name: str, reason: str) -> Check:
    return Check(name=name, verdict=Verdict.PASS, reason=reason)


def warned(name: str, reason: str, *, cure: str) -> Check:
    return Check(name=name, verdict=Verdict.WARN, reason=reason, cure=cure)


def refused(name: str, reason: str, *, cure: str) -> Check:
    return Check(name=name, verdict=Verdict.REFUSED, reason=reason, cure=cure)


def skipped(name: str, reason: str) -> Check:
    return Check(name=name, verdict=Verdict.SKIPPED, reason=reason)


def failed(name: str, error: DrainerError, *, cure: str) -> Check:
    """A check that could not be made to the end counts as refused: nobody knows."""
    return refused(name, f"{error.kind}: {error.reason}", cure=cure)


def exit_code(checks: Sequence[Check]) -> int:
    """1 where one refused, else 3 where one warned, else 0."""
    verdicts = {check.verdict for check in checks}
    if Verdict.REFUSED in verdicts:
        return REFUSED
    return WARNED if Verdict.WARN in verdicts else PASSED
