"""The example of a third party's backend: found by its entry point, and its own contract tests pass."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from drainer.ports import BackendKind

EXAMPLE = Path(__file__).parents[2] / "examples" / "third_party_backend"


def test_its_entry_point_leads_to_a_backend_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the example registers is a BackendKind of the same name."""
    monkeypatch.syspath_prepend(EXAMPLE)
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]
    [(name, value)] = project["entry-points"]["drainer.backends"].items()
    kind = EntryPoint(name=name, value=value, group="drainer.backends").load()
    assert isinstance(kind, BackendKind)
    assert kind.name == name


def test_its_own_suite_passes() -> None:
    """The contract suite runs from outside the project, as a third party runs it."""
    root = EXAMPLE.parents[1]
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider"],
        cwd=EXAMPLE,
        env={**os.environ, "PYTHONPATH": f"{EXAMPLE}:{root}", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "passed" in ran.stdout
