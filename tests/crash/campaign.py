"""All real cells, a few at a time: most of a daemon's life is waiting.

What cannot be had here (no haproxy, no disk of its own) is counted, and named as not run.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from tests.crash import real, real_damage
from tests.e2e.haproxy.proxy import installed

AT_ONCE = 2
SHIPPED = "shipped"

Cell = tuple[str, str, Callable[[Path], tuple[str, ...]]]
"""Its kind, its name, and what is wrong with it once it was lived in a folder."""


@dataclass(slots=True, kw_only=True)
class Ran:
    """What was run of real daemons, by kind; `not_run`: what this machine cannot have."""

    counts: Counter[str] = field(default_factory=Counter)
    not_run: int = 0
    found: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        if not self.counts:
            return "real daemons not asked for (--real)"
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(self.counts.items()))
        return f"{self.counts.total()} cells of real daemons ({kinds}), {self.not_run} not run"


def run(*, shipped: bool) -> Ran:
    ran = Ran()
    chosen = tuple(_cells(ran, settles=SHIPPED if shipped else real.SETTLES_S))
    with tempfile.TemporaryDirectory() as root, ThreadPoolExecutor(AT_ONCE) as pool:
        lives = [
            pool.submit(_lived, live, Path(root) / str(number)) for number, (_, _, live) in enumerate(chosen)
        ]
        for (kind, name, _), life in zip(chosen, lives, strict=True):
            wrong = life.result()
            ran.counts[kind] += 1
            ran.found += wrong
            print(f"{name}: {'; '.join(wrong) or 'as due'}", file=sys.stderr, flush=True)
    return ran


def _cells(ran: Ran, *, settles: str) -> Iterator[Cell]:
    has_haproxy = installed() is not None
    for cell in real.real_cells():
        if cell.ground == "haproxy" and not has_haproxy:
            ran.not_run += 1
            continue
        yield cell.ground, str(cell), partial(real.findings, cell, settles=settles)
    for damaged in real_damage.cells():
        if not has_haproxy or (damaged.needs_disk and not real_damage.has_disks()):
            ran.not_run += 1
            continue
        yield "damaged journals", str(damaged), damaged.lived


def _lived(live: Callable[[Path], tuple[str, ...]], root: Path) -> tuple[str, ...]:
    """A cell that does not end in time, or cannot begin, is a finding too."""
    try:
        return live(root)
    except Exception as error:  # noqa: BLE001  whatever broke is told with the rest
        return (f"{type(error).__name__}: {error}",)
