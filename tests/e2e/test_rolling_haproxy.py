"""A maintenance that rolls over three VMs behind a real HAProxy under live traffic: nobody notices."""

from __future__ import annotations

from collections.abc import Container
from pathlib import Path

import pytest

from drainer.demo.roll import Act, Stage, Watched, roll, staged
from drainer.demo.summary import Summary, summarise
from tests.e2e.haproxy.proxy import program

pytestmark = pytest.mark.haproxy

VMS = 3
QUICK = Act(notice_s=60.0, down_s=1.0, warm_up_s=1.0, between_s=0.5, lead_in_s=1.0, rate=40.0, at_least=500)
FULL = Act(notice_s=60.0)
"""A reboot starts once it is acknowledged; the notice only ends a drain that takes too long."""

SILENT: Container[int] = range(VMS)
RESETTING: Container[int] = ()
KINDS = [pytest.param(RESETTING, id="resetting"), pytest.param(SILENT, id="silent")]


@pytest.fixture(autouse=True)
def haproxy() -> str:
    """The program; skips by name without it, and fails where it must be there."""
    return program()


def rolled(root: Path, act: Act, silent: Container[int]) -> tuple[Summary, Watched, Stage]:
    """What users saw of three reboots, and what an observer of the balancer did."""
    with staged(root, backend="haproxy", sidecar=True, act=act) as stage:
        roll(stage, act, lambda vm, what: None, silent=silent)
        stage.load.stop()
    return summarise(stage.load.results, out=stage.watched.out), stage.watched, stage


def assert_unnoticed(summary: Summary, watched: Watched, act: Act) -> None:
    assert (watched.reboots, watched.restored) == (VMS, VMS)
    assert (summary.failed, summary.reasons) == (0, ())
    assert summary.moved == 0, "clients of the other VMs stay where they are"
    assert summary.requests >= act.at_least
    assert {vm for vm, _ in summary.by_vm} == set(watched.out), "every VM served, and every VM was out"
    assert len(watched.out) == VMS


@pytest.mark.parametrize("silent", KINDS)
@pytest.mark.case("zero-5xx-under-load")
def test_three_reboots_are_not_noticed(tmp_path: Path, silent: Container[int]) -> None:
    """Three reboots one after another: no request fails, and no client of another VM is moved."""
    summary, watched, stage = rolled(tmp_path, QUICK, silent)
    assert_unnoticed(summary, watched, QUICK)
    for place in stage.places:
        said = (place.root / "sidecar.log").read_text(encoding="utf-8")
        # The platform may cut the power before the answer is logged.
        assert '"acknowledge.intended"' in said, f"the drain of {place.name} was proven, not only waited for"
    expected = "reboot, silent" if 0 in silent else "reboot, resetting"
    assert [mark.what for mark in watched.marks].count(expected) == len(stage.places)


@pytest.mark.slow
@pytest.mark.parametrize("silent", KINDS)
def test_three_reboots_at_full_length_are_not_noticed(tmp_path: Path, silent: Container[int]) -> None:
    """The same with the demo's own times and thousands of requests."""
    summary, watched, _ = rolled(tmp_path, FULL, silent)
    assert_unnoticed(summary, watched, FULL)
