"""Which policy rules where the file is there, gone, or wrong."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from drainer.clock import ManualClock
from drainer.log import Log
from drainer.policyfile.builtin import builtin
from drainer.ruling import Ruling
from drainer.settings import Settings
from drainer.statedir import StateDirectory
from drainer.stopped import Stopped

LOG_ONLY = builtin("log-only")
MASK_REBOOTS = builtin("mask-reboots")


class Ruled:
    """One machine: its policy file, its state directory, and the alarms of one life after another."""

    def __init__(self, root: Path) -> None:
        self.file = root / "policy.yaml"
        self.state = root / "state"
        self.alarms: dict[str, str] = {}

    def life(self, *, named: bool = False) -> Ruling:
        clock = ManualClock()
        log = Log(clock.now, io.StringIO())
        self.alarms.clear()
        directory = StateDirectory(
            self.state, clock=clock, log=log, alarm=self.alarms.__setitem__, dry_run=False
        )
        try:
            settings = Settings(policy=self.file, policy_named=named, state=self.state)
            return Ruling(settings, directory=directory, episode=None, log=log, alarm=self.alarms.__setitem__)
        finally:
            directory.release()


@pytest.fixture
def ruled(tmp_path: Path) -> Ruled:
    return Ruled(tmp_path)


def drains(ruling: Ruling) -> bool:
    return any(rule.do.value == "drain" for rule in ruling.policy.rules)


def test_without_a_file_the_built_in_policy_rules(ruled: Ruled) -> None:
    """At the default place, also in the next life: nothing else was ever accepted."""
    for _ in range(2):
        assert drains(ruled.life())
        assert ruled.alarms == {}


@pytest.mark.parametrize("named", [False, True])
def test_a_file_that_is_gone_takes_no_policy_away(ruled: Ruled, named: bool) -> None:
    """What was accepted before goes on ruling, after a reload and after a start; an alarm names the file."""
    ruled.file.write_text(LOG_ONLY)
    living = ruled.life(named=named)
    assert not drains(living)
    ruled.file.unlink()
    assert living.reload(None) is None
    assert not drains(living)
    assert str(ruled.file) in ruled.alarms["policy-refused"]
    for _ in range(2):
        assert not drains(ruled.life(named=named))
        assert str(ruled.file) in ruled.alarms["policy-refused"]
    ruled.file.write_text(MASK_REBOOTS)
    assert drains(ruled.life(named=named))
    assert ruled.alarms == {}


def test_a_named_file_that_was_never_there_ends_the_start(ruled: Ruled) -> None:
    """78: nothing is to be given back, and nobody said what to do."""
    with pytest.raises(Stopped) as stopped:
        ruled.life(named=True)
    assert stopped.value.code == 78
