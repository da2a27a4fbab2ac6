"""What a fuzz target is: bytes in, a returned value or one of our own documented errors, and nothing else.

A target raises for a finding: whatever escapes `one` is one, and so is a broken promise that it asserts.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from functools import cache
from pathlib import Path

GOLDEN = Path(__file__).parents[1] / "golden"
FOLDER = "FUZZ_FOLDER"
"""Names the place for files that a parent clears away: where libFuzzer ends the child, Python does not."""

REGRESSIONS = Path(__file__).parent / "regressions"


class Form(Enum):
    """How inputs are mutated beside byte by byte: not at all, or as JSON (whole, or a line of it)."""

    BYTES = "bytes"
    JSON = "json"
    JSON_LINES = "json-lines"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """`under`: the modules and packages that it is to explore, by their names. `seeds`: inputs to begin from.
    `longest`: bytes of an input. `words`: what the format is made of."""

    name: str
    one: Callable[[bytes], None]
    under: tuple[str, ...]
    seeds: Callable[[], Iterable[bytes]]
    longest: int = 4096
    form: Form = Form.BYTES
    words: tuple[str, ...] = ()


def golden(pattern: str) -> Iterable[bytes]:
    """Every golden body that the pattern finds, in order."""
    found = sorted(GOLDEN.glob(pattern))
    assert found, f"no golden body is called {pattern}"
    return tuple(path.read_bytes() for path in found)


def regressions(target: Target) -> tuple[bytes, ...]:
    """Inputs that once were findings."""
    return tuple(path.read_bytes() for path in sorted((REGRESSIONS / target.name).glob("*")))


def scratch() -> tempfile.TemporaryDirectory[str]:
    """A directory that goes with whoever made it: in memory where there is such a place."""
    shm = Path("/dev/shm")
    return tempfile.TemporaryDirectory(prefix="fuzz-", dir=shm if shm.is_dir() else None)


@cache
def folder() -> Path:
    """Where a target writes the files that it reads."""
    named = os.environ.get(FOLDER)
    return Path(named or _own().name)


@cache
def _own() -> tempfile.TemporaryDirectory[str]:
    return scratch()
