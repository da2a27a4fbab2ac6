"""Hooks: what they are told, what their exit codes mean, and that they end."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from drainer.clock import ManualClock
from drainer.core.model import Abort, Go, HookAnswer, HookWait, Stage, later
from drainer.core.policy import Hook
from drainer.errors import Transient
from drainer.hooks import HookRan, HookRunner
from drainer.ports import HookCall

CALL = HookCall(
    stage=Stage.BEFORE_CORDON,
    episode="e-1",
    vm="vm1",
    event_ids=("A", "B"),
    event_types=("Reboot", "Freeze"),
    not_before="2026-01-01T00:15:00Z",
)


def shell(script: str, *, stage: Stage = Stage.BEFORE_CORDON, timeout_s: float = 20) -> Hook:
    return Hook(stage=stage, command=("/bin/sh", "-c", script), timeout=timedelta(seconds=timeout_s))


def answer(*hooks: Hook, call: HookCall = CALL, timeout_s: float = 20, stopping: bool = False) -> HookAnswer:
    runner = HookRunner(hooks, ManualClock())
    return runner.run(call, timeout=timedelta(seconds=timeout_s), stopping=lambda: stopping)


def in_s(seconds: float) -> HookWait:
    return HookWait(retry_at=later(ManualClock().now(), timedelta(seconds=seconds)))


def test_no_hook_of_the_stage_is_go() -> None:
    """Hooks of other stages do not run."""
    assert answer(shell("exit 20", stage=Stage.DRAINED)) == Go()


def test_what_a_hook_is_told(tmp_path: Path) -> None:
    """The documented variables, PATH and LANG: nothing else."""
    told = tmp_path / "told"
    answer(shell(f"env > {told}"), call=replace(CALL, dry_run=True))
    found = dict(line.split("=", 1) for line in told.read_text().splitlines())
    assert found.keys() - {"PWD", "SHLVL", "_", "OLDPWD", "PATH", "LANG"} == {
        "DRAINER_STAGE",
        "DRAINER_EPISODE",
        "DRAINER_VM",
        "DRAINER_EVENT_IDS",
        "DRAINER_EVENT_TYPES",
        "DRAINER_NOT_BEFORE",
        "DRAINER_DRY_RUN",
    }
    assert found["DRAINER_STAGE"] == "before-cordon"
    assert found["DRAINER_EPISODE"] == "e-1"
    assert found["DRAINER_VM"] == "vm1"
    assert found["DRAINER_EVENT_IDS"] == "A B"
    assert found["DRAINER_EVENT_TYPES"] == "Reboot Freeze"
    assert found["DRAINER_NOT_BEFORE"] == "2026-01-01T00:15:00Z"
    assert found["DRAINER_DRY_RUN"] == "1"


@pytest.mark.parametrize(
    ("last_line", "seconds"),
    [
        ("for=30s", 30),
        ("still busy for=2m", 120),
        ("for=1.5h", 5400),
        ("for=100ms", 1),
        ("until=2026-01-01T00:05:00Z", 300),
        ("until=2026-01-01T01:05:00+01:00", 300),
        ("until=2026-01-01T00:05:00", 300),
        ("until=2025-01-01T00:00:00Z", 1),
        ("for=3000000d", 86400),
        ("for=99999999999999999999999d", 86400),
        (f"for={'9' * 400}s", 86400),
        ("until=9999-12-31T23:59:59Z", 86400),
        ("until=9999-12-31T23:59:59-14:00", 86400),
        ("until=0001-01-01T00:00:00+14:00", 1),
        ("until=tomorrow", 10),
        ("", 10),
        ("no idea", 10),
    ],
)
def test_blocker_holds_until_it_says(last_line: str, seconds: float) -> None:
    """Exit 10 waits as long as the last line asks, at least a second, at most a day, ten seconds where it
    asks for nothing clear."""
    found = answer(shell(f"echo first; echo '{last_line}'; exit 10"))
    assert isinstance(found, HookWait)
    assert found.retry_at == in_s(seconds).retry_at


def test_blocker_that_clears_lets_go(tmp_path: Path) -> None:
    """A hook that waits is asked again, and its next answer counts alone."""
    clear = tmp_path / "clear"
    hook = shell(f"test -e {clear} || exit 10")
    assert isinstance(answer(hook), HookWait)
    clear.touch()
    assert answer(hook) == Go()


def test_postpone_limit_is_not_the_hooks() -> None:
    """However often a hook says wait, each answer stands alone: it never grows and never turns to abort."""
    hook = shell("exit 10")
    assert {type(answer(hook)) for _ in range(11)} == {HookWait}
    assert isinstance(answer(hook), HookWait)


def test_abort_carries_its_reason() -> None:
    """Exit 20 says no, with its last line as the reason."""
    assert answer(shell("echo backup is running; exit 20")) == Abort(reason="backup is running")


def test_the_first_answer_that_is_not_go_wins(tmp_path: Path) -> None:
    """In order; what stands behind a wait or an abort does not run."""
    ran = tmp_path / "ran"
    assert answer(shell("exit 0"), shell("exit 20"), shell(f"touch {ran}")) == Abort()
    assert not ran.exists()


@pytest.mark.parametrize("script", ["exit 1", "exit 75", "kill -9 $$"])
def test_anything_else_is_a_failure_with_its_output(script: str) -> None:
    """Other codes and signals raise Transient, and the reason shows the end of the output."""
    with pytest.raises(Transient, match="oh dear") as failed:
        answer(shell(f"echo oh dear; {script}"))
    assert failed.value.kind == "hook-failed"


def test_a_missing_program_is_a_failure() -> None:
    """A hook that cannot be started fails like any other."""
    with pytest.raises(Transient, match="not started") as failed:
        answer(Hook(stage=Stage.BEFORE_CORDON, command=("/nowhere",)))
    assert failed.value.kind == "hook-failed"


@pytest.mark.parametrize(("own_s", "overall_s"), [(0.2, 20), (20, 0.2)])
def test_the_shorter_limit_ends_it(own_s: float, overall_s: float) -> None:
    """A hook ends at its own limit, and at the caller's."""
    with pytest.raises(Transient, match="timed out"):
        answer(shell("sleep 60", timeout_s=own_s), timeout_s=overall_s)


def test_no_time_left_starts_nothing(tmp_path: Path) -> None:
    """Where the caller's time is up, a hook is not even started."""
    ran = tmp_path / "ran"
    with pytest.raises(Transient, match="no time was left"):
        answer(shell(f"touch {ran}"), timeout_s=0)
    assert not ran.exists()


def test_a_stopping_daemon_does_not_wait() -> None:
    """Ended because we stop, a hook is not said to have failed."""
    with pytest.raises(Transient) as stopped:
        answer(shell("sleep 60"), stopping=True)
    assert stopped.value.kind == "hook-stopped"


def test_every_run_is_reported_with_the_end_of_its_output() -> None:
    """The log hears of each run, and gets the last 4 KiB."""
    heard: list[HookRan] = []
    runner = HookRunner((shell("yes | head -c 9000; exit 10"),), ManualClock(), report=heard.append)
    runner.run(CALL, timeout=timedelta(seconds=20), stopping=lambda: False)
    [ran] = heard
    assert ran.ending == "exited 10"
    assert len(ran.output) == 4096
