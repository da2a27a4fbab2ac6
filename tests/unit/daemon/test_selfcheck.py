"""The doctor in a process of its own: never waited for, ended by a notice, heard when it refuses."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from drainer import selfcheck
from drainer.cli.entry import parser
from drainer.cli.flags import MANAGING, READING, settings_of
from drainer.clock import ManualClock
from drainer.core.model import SourceKind
from drainer.log import Log
from drainer.selfcheck import KEPT_AS, LIMIT, SPREAD, SelfCheck
from drainer.settings import Settings
from tests.until import until


class Doctor:
    """A self-check whose doctor is a program of the test's."""

    def __init__(self, root: Path, program: str) -> None:
        self.clock = ManualClock()
        self.log = io.StringIO()
        self.alarms: dict[str, str] = {}
        self.state = root
        self.check = SelfCheck(
            Settings(state=root),
            self.clock,
            log=Log(self.clock.now, self.log),
            alarm=self.alarms.__setitem__,
            clear=self._cleared,
            command=(sys.executable, "-c", program),
        )

    def _cleared(self, kind: str) -> None:
        self.alarms.pop(kind, None)

    def turn(self, *, may_run: bool = True) -> None:
        self.check.turn(may_run=may_run)

    def heard(self) -> bool:
        self.turn()
        return "doctor." in self.log.getvalue()

    @property
    def running(self) -> bool:
        return self.check.running


@contextmanager
def doctor(root: Path, program: str) -> Iterator[Doctor]:
    made = Doctor(root, program)
    try:
        yield made
    finally:
        made.check.stop()
    assert not made.running


SAYS = """\
import json, sys
check = {{"name": "egress", "verdict": {verdict!r}, "reason": "no way out"}}
print(json.dumps({{"schema": 1, "checks": [check]}}))
sys.exit(1)
"""
FOR_EVER = "import threading; threading.Event().wait()"


def test_it_starts_within_a_spread_and_only_while_nothing_is_announced(tmp_path: Path) -> None:
    """At once is too soon for a fleet; while something is announced it does not start at all."""
    with doctor(tmp_path, FOR_EVER) as made:
        made.turn(may_run=False)
        made.clock.advance(SPREAD)
        made.turn(may_run=False)
        assert not made.running
        made.turn()
        assert made.running


def test_what_it_refuses_is_an_alarm(tmp_path: Path) -> None:
    """A refused check becomes an alarm with its reason; the report stays beside the journal, mode 0600."""
    with doctor(tmp_path, SAYS.format(verdict="refused")) as made:
        made.turn()
        made.clock.advance(SPREAD)
        until(made.heard, "the doctor to end")
        assert made.alarms["doctor-refused"].startswith("egress: no way out")
    kept = tmp_path / KEPT_AS
    assert json.loads(kept.read_text(encoding="utf-8"))["checks"][0]["name"] == "egress"
    assert kept.stat().st_mode & 0o777 == 0o600


def test_what_it_only_warns_of_is_none(tmp_path: Path) -> None:
    """A warning is in the report, not among the alarms."""
    with doctor(tmp_path, SAYS.format(verdict="warn")) as made:
        made.turn()
        made.clock.advance(SPREAD)
        until(made.heard, "the doctor to end")
        assert made.alarms == {}


def test_a_notice_ends_it_and_it_begins_anew_after(tmp_path: Path) -> None:
    """Nothing may write to Azure beside an episode: it is killed, and runs once all is quiet again."""
    with doctor(tmp_path, FOR_EVER) as made:
        made.turn()
        made.clock.advance(SPREAD)
        made.turn()
        made.turn(may_run=False)
        assert not made.running
        made.turn()
        assert made.running


def test_one_that_never_ends_is_ended(tmp_path: Path) -> None:
    """Past its limit it is killed, that is said, and it does not come back."""
    with doctor(tmp_path, FOR_EVER) as made:
        made.turn()
        made.clock.advance(SPREAD)
        made.turn()
        made.clock.advance(SPREAD + LIMIT + timedelta(seconds=1))
        made.turn()
        assert not made.running
        assert "doctor.unavailable" in made.log.getvalue()
        made.turn()
        assert not made.running


def test_settings_in_force_are_handed_on() -> None:
    """The doctor asks where this daemon asks; what is a default is not spelled out."""
    given = selfcheck.arguments(Settings(management_url="https://arm.example", state=Path("/s")))
    assert given == ["--state", "/s", "--management-url", "https://arm.example"]


def test_no_setting_of_the_doctor_is_forgotten() -> None:
    """Whatever its command line takes is handed on, in words that it reads back as they were."""
    assert set(selfcheck.FORWARDED) == {*READING, *MANAGING, "policy", "state"}
    chosen = Settings(
        metadata_url="http://127.0.0.1:1",
        source=SourceKind.SCHEDULED_EVENTS,
        vm_name="vm7",
        policy=Path("/p"),
        state=Path("/s"),
        management_url="https://arm.example",
        management_ca="/ca",
        identity="az",
    )
    given = selfcheck.arguments(chosen)
    assert len(given) == 2 * len(selfcheck.FORWARDED)
    read = settings_of(parser().parse_args(["doctor", *given]))
    assert replace(read, policy_named=False) == chosen


@pytest.mark.parametrize("said", ["", "[]", '{"checks": 1}', "not json"])
def test_rubbish_is_no_alarm(tmp_path: Path, said: str) -> None:
    """A report that cannot be read refuses nothing."""
    with doctor(tmp_path, f"print({said!r})") as made:
        made.turn()
        made.clock.advance(SPREAD)
        until(made.heard, "the doctor to end")
        assert made.alarms == {}
