"""The mutants of the decision core that no test kills, each with the judgement why that is right.

A mutant is known by its module, its function and the lines that it changes: the tool's numbers move with
every edit, these do not.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

LIST = Path(__file__).with_name("survivors.toml")


class Judgement(Enum):
    """Why a mutant may live."""

    TEXT = "text"  # only words for people change
    EQUIVALENT = "equivalent"  # nothing that anybody can see changes


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Mutant:
    """One change of the core. `was` and `now`: the lines that differ, without their indent."""

    module: str
    function: str
    was: str
    now: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A survivor and why it may live."""

    mutant: Mutant
    judgement: Judgement
    why: str


def judged(path: Path = LIST) -> tuple[Judged, ...]:
    """Every survivor that was judged, as listed. Raises ValueError where an entry is not one."""
    listed = tomllib.loads(path.read_text("utf-8"))
    return tuple(_judged(entry) for entry in listed.get("survivor", ()))


def _judged(entry: dict[str, str]) -> Judged:
    wanted = {"module", "function", "was", "now", "judgement", "why"}
    if entry.keys() != wanted or not all(isinstance(text, str) for text in entry.values()):
        raise ValueError(f"a survivor has exactly {sorted(wanted)}, all text, got {entry}")
    mutant = Mutant(
        module=entry["module"], function=entry["function"], was=entry["was"].strip(), now=entry["now"].strip()
    )
    return Judged(mutant=mutant, judgement=Judgement(entry["judgement"]), why=entry["why"])
