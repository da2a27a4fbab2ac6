"""The demo proves something: it fails where nothing is drained, and its report says what it always says."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from drainer.demo import report
from drainer.demo.front import FRONTS, EmulatedFront
from drainer.demo.places import Place
from drainer.demo.report import Outcome
from drainer.demo.roll import Act, roll, staged
from drainer.demo.summary import summarise
from tests.e2e.haproxy.proxy import program
from tests.sidecar import DRAINER
from tests.until import until

QUICK = Act(
    notice_s=2.0,
    down_s=1.5,
    warm_up_s=0.5,
    between_s=0.2,
    lead_in_s=0.5,
    rate=40.0,
    at_least=200,
    probe_interval_s=1,
)
"""Long enough for failures to be seen, where nobody drains: each notice runs out."""

RUN = {
    "requests",
    "failed",
    "reboots",
    "restored",
    "seconds_out",
    "moved",
    "slowest_s",
    "reasons",
    "lag_p99_s",
    "lag_max_s",
}
"""What the report says of each run."""

LOG_ONLY = "version: 1\nservice_ports: [{port}]\nrules: [{{match: {{}}, do: log}}]\nsystem_log: false\n"


class Undrained(EmulatedFront):
    """The demo's balancer with sidecars that only log."""

    def policy(self, place: Place) -> str:
        return LOG_ONLY.format(port=place.application_port)


@pytest.mark.case("zero-5xx-under-load")
def test_with_the_drain_disabled_the_demo_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sidecar that runs and only logs: one reboot makes requests fail, and the verdict says so."""
    monkeypatch.setitem(FRONTS, "undrained", Undrained)
    with staged(tmp_path, backend="undrained", sidecar=True, act=QUICK) as stage:
        roll(replace(stage, machines=stage.machines[:1]), QUICK, lambda vm, what: None)
        stage.load.stop()
    watched, summary = stage.watched, summarise(stage.load.results, out=stage.watched.out)
    outcome = Outcome(
        summary=summary,
        reboots=watched.reboots,
        restored=watched.restored,
        seconds_out=watched.seconds_out(),
    )
    assert (outcome.reboots, outcome.restored) == (1, 1)
    assert summary.failed > 0
    wrong = report.verdict(outcome, None, vms=1, at_least=QUICK.at_least)
    assert any(line.startswith(f"{summary.failed} requests failed with the sidecar") for line in wrong)
    said = (stage.places[0].root / "sidecar.log").read_text(encoding="utf-8")
    assert '"notice.seen"' in said, "it ran, and saw what it was told to leave alone"
    assert '"cordon.' not in said


@pytest.mark.slow
def test_without_the_sidecar_it_exits_0_and_reports_failures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The control run alone: exit 0, failures in the table and in a report of the fixed shape, a picture."""
    demo = import_module("drainer.demo.main")
    monkeypatch.setattr(demo, "SHORT", QUICK)
    folder = tmp_path / "report"
    assert demo.main(["--short", "--without-sidecar", "--report", str(folder)]) == 0
    said: dict[str, Any] = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert said.keys() == {"schema", "backend", *RUN}
    assert (said["schema"], said["backend"], said["reboots"], said["restored"]) == (1, "azure", 3, 3)
    assert said["failed"] > 0
    assert said["seconds_out"].keys() <= {"vm1", "vm2", "vm3"}
    assert (folder / "traffic.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in (folder / "traffic.svg").read_text(encoding="utf-8")
    assert "What users saw" in capsys.readouterr().out


def test_the_report_of_both_runs_holds_the_control_run(tmp_path: Path) -> None:
    """With both runs the report says of the control run what it says of the other."""
    outcome = Outcome(summary=summarise((), out={}), reboots=3, restored=3, seconds_out={"vm1": 1.5})
    report.write_json(tmp_path / "report.json", outcome, outcome, backend="haproxy")
    said = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert said.keys() == {"schema", "backend", *RUN, "control"}
    assert said["control"].keys() == RUN
    assert said["control"]["seconds_out"] == {"vm1": 1.5}


def test_an_unknown_backend_is_wrong_usage(tmp_path: Path) -> None:
    """`--backend` with a name that is none: exit 2, the names there are, and nothing is started."""
    ran = subprocess.run(
        [*DRAINER, "demo", "--backend", "nonsense", "--report", str(tmp_path / "report")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 2
    assert "'haproxy', 'health-probe'" in ran.stderr
    assert not (tmp_path / "report").exists()


@pytest.mark.slow
@pytest.mark.haproxy
@pytest.mark.timeout(900)
@pytest.mark.parametrize("backend", ["health-probe", "haproxy"])
def test_the_whole_demo(tmp_path: Path, backend: str) -> None:
    """As a user runs it: exit 0, thousands of requests, none failed with the sidecar, some without."""
    program()
    ran = subprocess.run(
        [*DRAINER, "demo", "--backend", backend, "--report", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=800,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout
    said = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert (said["failed"], said["moved"], said["reboots"], said["restored"]) == (0, 0, 3, 3)
    assert said["requests"] >= 5000
    assert said["control"]["failed"] > 0


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="processes are found in /proc")
@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGHUP])
def test_told_to_end_it_leaves_nothing_behind(tmp_path: Path, told: signal.Signals) -> None:
    """By `timeout`, or a terminal that closes: what it started is stopped, and its folder is gone."""
    temporary = Path(tempfile.mkdtemp(prefix="told-"))  # a short name, for it holds sockets
    before = signal.signal(told, signal.SIG_DFL)  # what nohup started, as these tests may be, ignores SIGHUP
    demo = subprocess.Popen(
        [*DRAINER, "demo", "--short", "--backend", "health-probe", "--report", str(tmp_path / "report")],
        env={**os.environ, "TMPDIR": str(temporary)},
        stdout=subprocess.DEVNULL,
    )
    signal.signal(told, before)
    try:
        until(lambda: any(file.stat().st_size for file in temporary.glob("*/results.jsonl")), "the traffic")
        demo.send_signal(told)
        assert demo.wait(timeout=60) == 128 + told
        assert _started_below(temporary) == []
        temporary.rmdir()
    finally:
        demo.terminate()
        with suppress(subprocess.TimeoutExpired):
            demo.wait(timeout=60)
        demo.kill()


def _started_below(folder: Path) -> list[str]:
    """The commands of all processes that name something in the folder."""
    found = []
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            found.append(command.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return [line for line in found if str(folder) in line]
