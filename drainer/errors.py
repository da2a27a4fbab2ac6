"""Every error of drainer, split by what the caller must do about it.

    DrainerError
    ├── Transient   wait, then try the same again
    ├── Refused     the other side said no for good; trying again changes nothing
    ├── Broken      stop; a person is needed
    └── PolicyInvalid   the file is wrong; every problem of it is listed

A verb that raised may have happened all the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


class DrainerError(Exception):
    """`kind` is short, stable and bounded (it is a metric label); `reason` is for people.

    `untouched`: nothing was changed, and nothing of it can land later.
    """

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(f"{kind}: {reason}")
        self.kind = kind
        self.reason = reason
        self.untouched = False


class Transient(DrainerError):
    """Wait and retry; not before `retry_after` where the other side named it."""

    def __init__(self, kind: str, reason: str, *, retry_after: timedelta | None = None) -> None:
        super().__init__(kind, reason)
        self.retry_after = retry_after


class Refused(DrainerError):
    """The other side answered, and the answer is no."""


class Broken(DrainerError):
    """Nothing sensible can follow before a person has looked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing wrong in a file: lines and columns count from 1."""

    file: str
    line: int
    column: int
    field: str
    expected: str
    found: str

    def __str__(self) -> str:
        return (
            f"{self.file}:{self.line}:{self.column}: {self.field}: expected {self.expected}, got {self.found}"
        )


class PolicyInvalid(DrainerError):
    """A policy was not accepted; `problems` holds every one of its faults, in file order."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("policy-invalid", "\n".join(str(problem) for problem in problems))
        self.problems = problems
