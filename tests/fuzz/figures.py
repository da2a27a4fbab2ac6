"""What has been fuzzed, kept in a file per target, so that a long run can be cut and go on."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

KEPT = "figures.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """`edges`: of the modules explored, as libFuzzer counts them. `cpu_s`: with each child's start.

    `lines` of `of_lines`: what the kept inputs reach in those modules.
    """

    executions: int = 0
    edges: int = 0
    cpu_s: float = 0.0
    lines: int = 0
    of_lines: int = 0

    @property
    def per_second(self) -> float:
        return self.executions / self.cpu_s if self.cpu_s else 0.0


def read(folder: Path) -> Figures:
    """What was kept; none where nothing was."""
    try:
        return Figures(**json.loads((folder / KEPT).read_bytes()))
    except FileNotFoundError:
        return Figures()


def keep(folder: Path, figures: Figures) -> None:
    fresh = folder / f"{KEPT}.new"
    fresh.write_text(json.dumps(asdict(figures)) + "\n", encoding="ascii")
    fresh.replace(folder / KEPT)


def after(before: Figures, *, executions: int, edges: int, cpu_s: float) -> Figures:
    """With one more portion."""
    return replace(
        before,
        executions=before.executions + executions,
        edges=max(before.edges, edges),
        cpu_s=before.cpu_s + cpu_s,
    )
