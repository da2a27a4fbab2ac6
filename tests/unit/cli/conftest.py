"""A small daemon behind its socket, and the command line aimed at it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from drainer.cli import main
from drainer.settings import FLAGS
from tests.unit.control.living import Living, living, serving

Drainer = Callable[..., int]


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the machine that runs the tests gets in."""
    for flag in FLAGS.values():
        monkeypatch.delenv(flag.variable, raising=False)


@pytest.fixture
def life(tmp_path: Path) -> Iterator[Living]:
    with living(tmp_path) as life:
        yield life


@pytest.fixture
def served(life: Living, tmp_path: Path) -> Iterator[Living]:
    """A life that answers at `tmp_path/s`."""
    with serving(life, tmp_path / "s"):
        yield life


@pytest.fixture
def drainer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Drainer:
    """The command with --socket and --state set by their variables."""
    monkeypatch.setenv("DRAINER_SOCKET", str(tmp_path / "s"))
    monkeypatch.setenv("DRAINER_STATE", str(tmp_path))

    def run(*arguments: str) -> int:
        return main(arguments)

    return run
