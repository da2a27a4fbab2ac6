"""`python -m bench`: run every benchmark, print a table, write bench/report.json and docs/performance.md."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.cost import Cost, measure
from bench.page import write_page
from bench.reaction import reactions
from drainer.demo.machine import ended, environment, sidecar_command, started
from drainer.demo.places import Place, places
from drainer.demo.platform import Platform, vms_of

SECONDS = 30.0
WARM_UP_S = 5.0
EVENTS = 20
HERE = Path(__file__).parent
BARE = "bare loop, the same imports"

POLICY = """\
version: 1
service_ports: [{port}]
health: {{tcp: "{application}", passes: 1, every: 100ms}}
backend:
  - health-probe: {{marker: "{marker}", route: "http://127.0.0.1:1/ready", interval: 100ms, threshold: 1}}
rules:
  - match: {{}}
    do: drain
    settle: 0s
    acknowledge: never
    drain_timeout: 1s
    quiet_for: 100ms
"""


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="drainer-bench-") as root:
        report = {"schema": 1, **_one_vm(Path(root)), "failed_per_reboot": _failed_per_reboot(Path(root))}
    (HERE / "report.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    write_page(report, HERE.parent / "docs" / "performance.md")
    print((HERE.parent / "docs" / "performance.md").read_text(encoding="utf-8"))


def _one_vm(root: Path) -> dict[str, Any]:
    (place,) = places(root, 1)
    policy = POLICY.format(port=place.application_port, application=place.application, marker=place.marker)
    place.policy.write_text(policy, encoding="utf-8")
    platform = Platform({"version": 1, "vms": vms_of((place,))}, root)
    application = started(_application(place), root / "application.log")
    platform.start()
    try:
        costs = {name: _cost(command, root) for name, command in _pollers(place).items()}
        return {"idle": _ratios(costs), "event_to_cordon": _reaction(place, platform, root)}
    finally:
        platform.stop()
        ended(application)


def _application(place: Place) -> list[str]:
    command = [sys.executable, "-m", "drainer.demo.application", "--listen", place.application]
    return [*command, "--name", place.name, "--marker", str(place.marker), "--warm-up", "0"]


def _pollers(place: Place) -> dict[str, list[str]]:
    host, port = place.address, str(place.metadata_port)
    return {
        BARE: [sys.executable, "-m", "bench.bare_loop", host, port, *_modules(place)],
        "bare loop alone": [sys.executable, "-m", "bench.bare_loop", host, port],
        "sidecar": sidecar_command(place),
        "seed's shell loop": ["sh", str(HERE / "seed_loop.sh"), place.metadata_url, str(place.root / "no")],
    }


def _modules(place: Place) -> list[str]:
    """What the daemon imports beside its own modules."""
    command = [sys.executable, "-m", "bench.modules", str(place.policy)]
    told = subprocess.run(command, env=environment(), capture_output=True, check=True, text=True)
    return told.stdout.split()


def _cost(command: list[str], root: Path) -> Cost:
    process = started(command, root / "poller.log")
    try:
        return measure(process, seconds=SECONDS, warm_up_s=WARM_UP_S)
    except (OSError, RuntimeError) as error:
        said = (root / "poller.log").read_text(encoding="utf-8", errors="replace")[-2000:]
        raise RuntimeError(f"{' '.join(command[:5])} did not last: {said}") from error
    finally:
        ended(process)


def _ratios(costs: dict[str, Cost]) -> dict[str, Any]:
    bare, sidecar = costs[BARE], costs["sidecar"]
    shown = {
        name: {"resident_mb": round(c.resident_mb, 1), "cpu_ms_per_poll": round(c.cpu_ms_per_s, 3)}
        for name, c in costs.items()
    }
    return {
        "pollers": shown,
        "memory_ratio": round(sidecar.resident_mb / bare.resident_mb, 2),
        "cpu_ratio": round(sidecar.cpu_ms_per_s / bare.cpu_ms_per_s, 2),
    }


def _reaction(place: Place, platform: Platform, root: Path) -> dict[str, Any]:
    commands = {
        "sidecar": sidecar_command(place),
        "seed's shell loop": ["sh", str(HERE / "seed_loop.sh"), place.metadata_url, str(place.marker)],
    }
    said = {}
    for name, command in commands.items():
        process = started(command, root / "reacting.log")
        try:
            said[name] = _spread(
                reactions(
                    lambda: platform.schedule_reboot(place.name, notice_s=120),
                    platform.cancel,
                    place.marker,
                    times=EVENTS,
                )
            )
        finally:
            ended(process)
    return said


def _spread(seen: list[float]) -> dict[str, float]:
    return {
        "events": len(seen),
        "median_ms": round(1000 * statistics.median(seen), 1),
        "worst_ms": round(1000 * max(seen), 1),
    }


def _failed_per_reboot(root: Path) -> dict[str, Any]:
    folder = root / "demo"
    command = [sys.executable, "-m", "drainer", "demo", "--short", "--report", str(folder)]
    done = subprocess.run(command, env=environment(), stdout=subprocess.DEVNULL, check=False)
    said = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    control = said["control"]
    return {
        "with the sidecar": round(said["failed"] / said["reboots"], 1),
        "without": round(control["failed"] / control["reboots"], 1),
        "requests": said["requests"],
        "demo_exit": done.returncode,
    }


if __name__ == "__main__":
    main()
