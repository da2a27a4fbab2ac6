"""The list of judged survivors says something true of the core as it stands."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import pytest

from tests.mutants.judged import judged
from tests.mutants.made import changed

CORE = Path(__file__).parents[2] / "drainer" / "core"


def functions(module: str) -> dict[str, str]:
    """Every function and method of a module of the core with its source, lines without their indent."""
    source = (CORE / f"{module}.py").read_text("utf-8")
    tree = ast.parse(source)
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    owners = [("", tree.body), *((f"{owner.name}.", owner.body) for owner in classes)]
    return {
        prefix + node.name: _plain(ast.get_source_segment(source, node) or "")
        for prefix, body in owners
        for node in body
        if isinstance(node, ast.FunctionDef)
    }


def _plain(source: str) -> str:
    return "\n".join(line.strip() for line in source.splitlines())


def test_no_mutant_is_judged_twice() -> None:
    """One mutant, one judgement, with its reason."""
    listed = judged()
    twice = [mutant for mutant, times in Counter(one.mutant for one in listed).items() if times > 1]
    assert twice == []
    assert all(one.why for one in listed)


def test_every_judged_mutant_changes_lines_that_stand() -> None:
    """The function exists and has the lines that the mutant changes: an entry does not outlive them."""
    for one in judged():
        standing = functions(one.mutant.module).get(one.mutant.function, "")
        assert one.mutant.was in standing, one
        assert one.mutant.was != one.mutant.now, one


@pytest.mark.parametrize(
    ("original", "mutated", "was", "now"),
    [
        (["f:", " a", " b"], ["f:", " a", " c"], "b", "c"),
        (["f:", " a", " b"], ["f:", " a"], "b", ""),
        (["f:", " a", " b", " c"], ["f:", " z", " c"], "a\nb", "z"),
        (["f:", " p", " a", " q", " a"], ["f:", " p", " a", " q", " b"], "q\na", "q\nb"),
    ],
    ids=["replaced", "dropped", "folded", "the second of two"],
)
def test_a_mutant_is_known_by_its_lines(original: list[str], mutated: list[str], was: str, now: str) -> None:
    """The lines that differ and no others, and which of two that read the same."""
    assert changed(original, mutated) == (was, now)
