"""A maintenance that rolls over three VMs before an emulated Azure: SDK, TLS, identity; nobody notices.

Once by default, and at length with every other value of every switch that the path crosses.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from drainer.demo.places import Place
from drainer.demo.roll import Act, Stage, Watched, roll, staged
from drainer.demo.summary import Summary, summarise

QUICK = Act(
    notice_s=60.0,
    down_s=1.0,
    warm_up_s=1.0,
    between_s=0.5,
    lead_in_s=1.0,
    rate=40.0,
    at_least=400,
    probe_interval_s=1,
)
"""A reboot starts once it is acknowledged; the notice only ends a drain that takes too long."""

OTHERWISE = (
    "if_match=ignored",
    "established_on_removal=reset",
    "established_on_removal=silence",
    "rehash_on_change=yes",
    "admin_state_down=reset",
    "concurrent_write=429",
    "concurrent_write=409",
    "provisioning_state=ahead",
    "operations_read=needed",
    "nat_port=new",
    "lb_metadata=stale",
    "pool_put_body=whole",
    "arm_throttling=off",
)
"""Every switch of the management path, turned from its default."""

HALF_FAULTS: dict[str, Any] = {"kind": "mixed", "every": 2, "delay": "1s", "retry": 1}

CUT_AT_MOST = 0.05
"""Of all requests: where a platform cuts flows at the removal, what a layer alone costs (docs/azure.md)."""

CUT_WITHIN_S = 15.0
"""A client asks its silent connection once more at most, and gives it up after 10 s."""


def rolled(
    root: Path,
    act: Act,
    *,
    backend: str = "azure",
    switches: tuple[str, ...] = (),
    fault: dict[str, Any] | None = None,
) -> tuple[Summary, Watched, Stage]:
    """What users saw of the reboots, and what an observer of the balancer did."""
    with staged(root, backend=backend, sidecar=True, act=act, switches=switches) as stage:
        if fault is not None:
            stage.platform.break_management(fault)
        roll(stage, act, lambda vm, what: None)
        stage.load.stop()
    return summarise(stage.load.results, out=stage.watched.out), stage.watched, stage


def assert_unnoticed(
    summary: Summary, watched: Watched, stage: Stage, *, moved: bool = False, proven: bool = True
) -> None:
    """`proven`: the drain of each VM was seen to end, and acknowledged."""
    vms = len(stage.places)
    assert (watched.reboots, watched.restored) == (vms, vms)
    assert (summary.failed, summary.reasons) == (0, ())
    assert summary.moved == 0 or moved, "clients of the other VMs stay where they are"
    assert len(watched.out) == vms, "every VM was out once"
    for place in stage.places:
        said = told_by(place)
        assert ('"acknowledge.intended"' in said) is proven, (
            f"{place.name}: the reboot may cut off the answer"
        )
        assert '"isolate.done"' in said or '"cordon.done"' in said


def told_by(place: Place) -> str:
    return (place.root / "sidecar.log").read_text(encoding="utf-8")


@pytest.mark.case("zero-5xx-under-load")
def test_three_reboots_are_not_noticed(tmp_path: Path) -> None:
    """Probe first, then out of the pool through the management API, and back: no request fails."""
    summary, watched, stage = rolled(tmp_path, QUICK)
    assert_unnoticed(summary, watched, stage)


@pytest.mark.slow
@pytest.mark.parametrize("switch", OTHERWISE)
def test_no_switch_is_noticed(tmp_path: Path, switch: str) -> None:
    """The same with the platform otherwise at one point; only the rehash moves clients, by itself."""
    summary, watched, stage = rolled(tmp_path, QUICK, switches=(switch,))
    assert_unnoticed(summary, watched, stage, moved=switch == "rehash_on_change=yes")


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["azure-nic-pool", "azure-ip-pool", "azure-admin-state"])
def test_one_layer_alone_is_not_noticed(tmp_path: Path, backend: str) -> None:
    """A pool left, or an administrative state set, without any probe: still no request fails."""
    summary, watched, stage = rolled(tmp_path, replace(QUICK, notice_s=90.0), backend=backend)
    assert_unnoticed(summary, watched, stage)


CUTTING = (
    ("azure-nic-pool", "established_on_removal=reset", "reset"),
    ("azure-nic-pool", "established_on_removal=silence", "timeout"),
    ("azure-ip-pool", "established_on_removal=reset", "reset"),
    ("azure-ip-pool", "established_on_removal=silence", "timeout"),
    ("azure-admin-state", "admin_state_down=reset", "reset"),
)
"""A layer alone, on a platform that cuts its flows, and how a request ends that was in one."""


@pytest.mark.slow
@pytest.mark.parametrize(("backend", "switch", "ends"), CUTTING)
def test_a_layer_alone_loses_what_the_platform_cuts_and_no_more(
    tmp_path: Path, backend: str, switch: str, ends: str
) -> None:
    """No client was told before the removal, so its flows are lost; the reboots themselves lose none."""
    summary, watched, stage = rolled(
        tmp_path, replace(QUICK, notice_s=90.0), backend=backend, switches=(switch,)
    )
    assert watched.restored == len(stage.places)
    assert summary.failed <= CUT_AT_MOST * summary.requests
    assert {reason.split()[0] for reason, _ in summary.reasons} <= {ends}
    removals = [start for spans in watched.out.values() for start, _ in spans]
    late = [
        result
        for result in stage.load.results
        if not result.ok and not any(-3 < result.started_at - at < CUT_WITHIN_S for at in removals)
    ]
    assert late == [], "the reboots themselves lose nothing"


@pytest.mark.slow
def test_a_management_api_that_fails_half_the_time_is_not_noticed(tmp_path: Path) -> None:
    """Every second answer is a fault, of each kind in turn: it takes longer, and no request fails."""
    summary, watched, stage = rolled(tmp_path, replace(QUICK, notice_s=150.0), fault=HALF_FAULTS)
    assert_unnoticed(summary, watched, stage)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["silent", "503"])
def test_without_any_management_api_the_probe_drains(tmp_path: Path, kind: str) -> None:
    """The pool cannot be read, so nothing is proven or acknowledged; the probe takes out and gives back."""
    summary, watched, stage = rolled(tmp_path, replace(QUICK, notice_s=30.0), fault={"kind": kind})
    assert_unnoticed(summary, watched, stage, proven=False)
    for place in stage.places:
        assert '"alarm.raised"' in told_by(place)
        assert '"isolate.done"' not in told_by(place)
