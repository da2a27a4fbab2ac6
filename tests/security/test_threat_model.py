"""docs/security.md names a test for each control; a name that is no test is a promise without proof."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", TEXT)
MODULES = re.findall(r"`((?:drainer|metadata_server)/[\w/]+\.py)`", TEXT)


def test_the_table_names_tests() -> None:
    """Every row of the table of controls names at least one test, and there are many rows."""
    rows = [line for line in TEXT.splitlines() if line.startswith("| T")]
    assert len(rows) >= 15
    assert [row for row in rows if "::test_" not in row] == []


@pytest.mark.parametrize(("file", "test"), NAMED)
def test_a_named_test_exists(file: str, test: str) -> None:
    """The file is there and defines it."""
    assert f"def {test}(" in (ROOT / file).read_text(encoding="utf-8")


@pytest.mark.parametrize("module", MODULES)
def test_a_named_module_exists(module: str) -> None:
    """What is said to stop an attacker is in the tree."""
    assert (ROOT / module).is_file()
