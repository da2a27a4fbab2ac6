"""The shipped table and the page of the docs that prints it are one."""

from __future__ import annotations

from pathlib import Path

import pytest

from drainer.core.decide import TABLE, decide
from drainer.core.situation import Reads, Situation

PAGE = Path(__file__).parents[3] / "docs" / "decision-table.md"
Printed = tuple[str, str, str, str]


def printed() -> list[Printed]:
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    first = lines.index("| row | document | condition | step |") + 2
    rows = []
    for line in lines[first:]:
        if not line.startswith("| "):
            break
        name, document, condition, step = (cell.strip() for cell in line.strip("|").split("|"))
        rows.append((name, document, condition, step))
    return rows


def shipped() -> list[Printed]:
    return [(r.name, r.reads.value, f"{r.says} ↷" if r.passes else r.says, r.does) for r in TABLE]


def test_the_page_is_the_table() -> None:
    """Names, order, documents, conditions, steps and passing marks are printed as they are shipped."""
    assert printed() == shipped()


def test_names_are_unique() -> None:
    """A row is known by its name for good, so no two share one."""
    assert len({row.name for row in TABLE}) == len(TABLE)


@pytest.mark.parametrize("reads", Reads)
def test_each_kind_of_document_ends_in_a_row_that_is_always_true(reads: Reads) -> None:
    """Whatever the document reads, some row wins."""
    last = [row for row in TABLE if row.reads is reads][-1]
    assert last.says == "otherwise"
    assert last.when(Situation(reads=reads))


def test_no_layers_at_all_is_decided_too() -> None:
    """A situation without any layer has a row, whatever it reads."""
    assert [decide(Situation(reads=reads)).row for reads in Reads] == ["P3", "P5", "R1"]
