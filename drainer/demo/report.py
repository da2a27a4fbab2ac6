"""What a demo comes to: numbers, a table, a JSON report, and whether it worked."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from drainer.demo.summary import Summary

SCHEMA = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One run, with the sidecar or without."""

    summary: Summary
    reboots: int
    restored: int
    seconds_out: dict[str, float]

    def as_json(self) -> dict[str, Any]:
        return {
            "requests": self.summary.requests,
            "failed": self.summary.failed,
            "reboots": self.reboots,
            "restored": self.restored,
            "seconds_out": self.seconds_out,
            "moved": self.summary.moved,
            "slowest_s": round(self.summary.slowest_s, 3),
            "reasons": dict(self.summary.reasons),
            "lag_p99_s": round(self.summary.lag_p99_s, 4),
            "lag_max_s": round(self.summary.lag_max_s, 4),
        }


def verdict(
    drained: Outcome, control: Outcome | None, *, vms: int, at_least: int, may_move: bool = False
) -> tuple[str, ...]:
    """What did not come true; empty: the demo worked. `may_move`: the balancer moves clients by itself."""
    wrong = []
    if drained.reboots < vms:
        wrong.append(f"{drained.reboots} of {vms} VMs were rebooted")
    if drained.restored < drained.reboots:
        wrong.append(f"{drained.restored} of {drained.reboots} rebooted VMs were restored")
    if drained.summary.failed:
        reasons = ", ".join(f"{reason}: {count}" for reason, count in drained.summary.reasons)
        wrong.append(f"{drained.summary.failed} requests failed with the sidecar ({reasons})")
    if drained.summary.requests < at_least:
        wrong.append(f"{drained.summary.requests} requests were sent, expected {at_least}")
    if drained.summary.moved and not may_move:
        wrong.append(f"{drained.summary.moved} unaffected clients were moved to another VM")
    if control is not None and not control.summary.failed:
        wrong.append("nothing failed without the sidecar, so the run proves nothing")
    return tuple(wrong)


def write_json(path: Path, drained: Outcome | None, control: Outcome | None, *, backend: str) -> None:
    """`DIR/report.json`; a run that was left out is left out here too."""
    first = drained or control
    said: dict[str, Any] = {"schema": SCHEMA, "backend": backend}
    if first is not None:
        said |= first.as_json()
    if drained is not None and control is not None:
        said["control"] = control.as_json()
    path.write_text(json.dumps(said, indent=2) + "\n", encoding="utf-8")


def table(console: Console, runs: dict[str, Outcome]) -> None:
    """One column a run."""
    drawn = Table(title="What users saw", title_justify="left")
    drawn.add_column("")
    for name in runs:
        drawn.add_column(name, justify="right")
    for label, cell in _rows(runs):
        drawn.add_row(label, *cell)
    console.print(drawn)


def _rows(runs: dict[str, Outcome]) -> list[tuple[str, list[str]]]:
    every = list(runs.values())
    vms = sorted({vm for run in every for vm in run.seconds_out})
    rows = [
        ("requests", [str(run.summary.requests) for run in every]),
        ("failed", [_coloured(run.summary.failed) for run in every]),
        ("slowest answer", [f"{run.summary.slowest_s:.2f} s" for run in every]),
        ("reboots, VMs restored", [f"{run.reboots}, {run.restored}" for run in every]),
    ]
    rows += [
        (f"{vm} out of the pool", [f"{run.seconds_out.get(vm, 0.0):.1f} s" for run in every]) for vm in vms
    ]
    rows.append(("unaffected clients moved", [_coloured(run.summary.moved) for run in every]))
    rows.append(
        (
            "the generator's own lag, p99 / most",
            [f"{run.summary.lag_p99_s * 1000:.0f} / {run.summary.lag_max_s * 1000:.0f} ms" for run in every],
        )
    )
    return rows


def _coloured(count: int) -> str:
    return f"[bold red]{count}[/]" if count else "[bold green]0[/]"
