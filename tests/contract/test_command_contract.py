"""The command backend keeps the contract, with real programs behind every verb."""

from __future__ import annotations

import json
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from drainer.backends.command import Command, Options
from drainer.testing import BackendContract, Stand, surroundings
from tests.contract import balancer


class CommandStand(Stand):
    entries = ("web", "api")

    def __init__(self, directory: Path) -> None:
        super().__init__()
        self._state = directory / "balancer.json"
        fresh = [{"name": name, "standing": "in", "isolated": False} for name in self.entries]
        self._state.write_text(json.dumps({"entries": fresh, "generation": "1"}))

    def connect(self) -> Command:
        return Command(
            Options(
                membership=self._verb("membership"),
                cordon=self._verb("cordon"),
                isolate=self._verb("isolate"),
                restore=self._verb("restore"),
                in_flight=self._verb("in_flight"),
                read_every=timedelta(0),
            ),
            surroundings(self.clock),
        )

    def take_out(self, entry: str) -> None:
        balancer.change(self._state, [entry], standing="out")

    def put_in(self, entry: str) -> None:
        balancer.change(self._state, [entry], standing="in", isolated=False)

    def remove(self, entry: str) -> None:
        held = json.loads(self._state.read_text())
        held["entries"] = [one for one in held["entries"] if one["name"] != entry]
        self._state.write_text(json.dumps(held))

    def sever(self) -> None:
        self._state.unlink()

    def lose_next_answer(self) -> None:
        self._state.with_name("lose").touch()

    def _verb(self, verb: str) -> tuple[str, ...]:
        return (sys.executable, "-S", "-E", balancer.__file__, verb, str(self._state))


class TestCommand(BackendContract):
    @pytest.fixture
    def stand(self, tmp_path: Path) -> Stand:
        return CommandStand(tmp_path)
