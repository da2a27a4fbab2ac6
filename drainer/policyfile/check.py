"""`drainer check FILE …`: every problem, or the policy as it takes effect."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from enum import Enum
from pathlib import Path
from typing import Any, TextIO

from drainer.core.policy import Policy
from drainer.errors import PolicyInvalid, Problem
from drainer.policyfile.advice import warnings
from drainer.policyfile.effective import effective, plain
from drainer.policyfile.load import load_file
from drainer.ports import BackendKind

ACCEPTED = 0
CONFIGURATION = 78


class Style(Enum):
    TEXT = "text"
    JSON = "json"  # one object a line and file


def check(
    paths: Sequence[Path],
    *,
    backends: Mapping[str, BackendKind],
    out: TextIO,
    err: TextIO,
    style: Style = Style.TEXT,
) -> int:
    """The exit status: 0 if every file is a policy, else 78."""
    show = _as_json if style is Style.JSON else _as_text
    status = ACCEPTED
    for path in paths:
        verdict = _verdict(path, backends)
        show(path, verdict, out, err)
        if not isinstance(verdict, Policy):
            status = CONFIGURATION
    return status


def _verdict(path: Path, backends: Mapping[str, BackendKind]) -> Policy | tuple[Problem, ...]:
    try:
        return load_file(path, backends=backends)
    except PolicyInvalid as invalid:
        return invalid.problems


def _as_text(path: Path, verdict: Policy | tuple[Problem, ...], out: TextIO, err: TextIO) -> None:
    if not isinstance(verdict, Policy):
        for problem in verdict:
            print(problem, file=err)
        return
    for warning in warnings(verdict):
        print(f"{path}: warning: {warning}", file=err)
    print(f"# {path}, as it takes effect", file=out)
    print("---", file=out)
    print(effective(verdict), file=out, end="")


def _as_json(path: Path, verdict: Policy | tuple[Problem, ...], out: TextIO, _err: TextIO) -> None:
    answer: dict[str, Any] = {
        "schema": 1,
        "file": str(path),
        "problems": [],
        "warnings": [],
        "effective": None,
    }
    if isinstance(verdict, Policy):
        answer |= {"warnings": list(warnings(verdict)), "effective": plain(verdict)}
    else:
        answer["problems"] = [asdict(problem) for problem in verdict]
    print(json.dumps(answer, ensure_ascii=False), file=out)
