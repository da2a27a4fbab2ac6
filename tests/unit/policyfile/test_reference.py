"""docs/policy.md is complete and right about defaults."""

from __future__ import annotations

import re
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any

import pytest
import yaml

from drainer.core.model import Stage
from drainer.core.policy import HealthCheck, Hook, Match, Rule, StuckAfter
from drainer.policyfile.durations import parse
from drainer.policyfile.effective import spelled
from drainer.policyfile.keys import PolicyFile
from drainer.wiring import built_in_kinds

TEXT = (Path(__file__).parents[3] / "docs" / "policy.md").read_text("utf-8")
SECTIONS: dict[str, type] = {
    "## Keys": PolicyFile,
    "### `health`": HealthCheck,
    "### `stuck_after`": StuckAfter,
    "## Rules": Rule,
    "### `match`": Match,
    "## Hooks": Hook,
    **{f"**`{name}`**": kind.options for name, kind in built_in_kinds().items()},
}


def rows(heading: str) -> dict[str, str]:
    """The first table below the heading: its keys, and what stands under Default."""
    _, _, below = TEXT.partition(f"\n{heading}")
    table = below[below.index("\n| ") :].split("\n\n")[0]
    return dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", table, re.MULTILINE))


@pytest.mark.parametrize(("heading", "cls"), SECTIONS.items(), ids=SECTIONS)
def test_every_key_is_there_with_its_default(heading: str, cls: type) -> None:
    """A table names exactly the keys there are, and each default that it gives is the one that applies."""
    shown = rows(heading)
    defaults = {field.name: _default(field) for field in fields(cls)}
    assert set(defaults) == set(shown)
    for name, default in defaults.items():
        assert_shown(name, default, shown[name])


def assert_shown(name: str, default: object, shown: str) -> None:
    written = re.fullmatch("`(.*)`", shown)
    if written is None or (name, shown) in (("backend", "`[health-probe]`"), ("event", "`never`")):
        return  # in words, or a word for what is absent
    value, expected = yaml.safe_load(written[1]), spelled(default)
    if isinstance(expected, str) and parse(expected) is not None:
        assert parse(expected) == parse(value)
        return
    assert expected == value


def _default(field: Field[Any]) -> object:
    return field.default_factory() if field.default_factory is not MISSING else field.default


def test_every_stage_is_named() -> None:
    """Words that a policy may hold stand in the reference."""
    for word in (stage.value for stage in Stage):
        assert f"`{word}`" in TEXT
