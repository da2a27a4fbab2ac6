"""Cases kept as text: `=== NAME`, a policy, `--- says`, and every line that is said about it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "golden" / "policy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    name: str
    text: str
    says: str


def cases() -> tuple[Case, ...]:
    """Every case of every file in `refused/`."""
    files = sorted((FOLDER / "refused").glob("*.txt"))
    return tuple(case for path in files for case in parsed(path))


def parsed(path: Path) -> tuple[Case, ...]:
    return tuple(_case(path.stem, block) for block in path.read_text("utf-8").split("=== ")[1:])


def _case(group: str, block: str) -> Case:
    name, _, rest = block.partition("\n")
    text, _, says = rest.partition("--- says\n")
    return Case(name=f"{group}: {name}", text=text, says=says)
