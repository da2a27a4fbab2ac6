"""The decision table: the first true row wins, and its step is what to do next.

Total and deterministic. Rows are data: docs/decision-table.md is this table, and a test holds the two
together. A row that `passes` is false while its own step backs off, so that its turn passes down; any
other row waits its back-off out. Journals and dashboards name rows: they keep their names for good.
"""

from __future__ import annotations

from dataclasses import dataclass

from drainer.core.row import Row
from drainer.core.rows_blind import BLIND
from drainer.core.rows_quiet import QUIET
from drainer.core.rows_threat import THREAT
from drainer.core.situation import Situation
from drainer.core.step import Step, Wait, key_of

TABLE: tuple[Row, ...] = (*BLIND, *THREAT, *QUIET)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The row that won and its step."""

    row: str
    step: Step


def decide(situation: Situation) -> Decision:
    """The one thing to do now."""
    for row in TABLE:
        if row.reads is not situation.reads or not row.when(situation):
            continue
        step = row.step(situation)
        remaining = situation.backing_off.get(key_of(step))
        if remaining is None or isinstance(step, Wait):
            return Decision(row=row.name, step=step)
        if not row.passes:
            resting = Wait(reason=f"back-off of {key_of(step)}", wake_after=remaining)
            return Decision(row=row.name, step=resting)
    raise AssertionError("the last row of each kind is always true")


__all__ = ["TABLE", "Decision", "Row", "decide"]
