"""A real Prometheus scrapes a real sidecar with the shipped configuration and rules."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import urllib.parse
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from drainer.reporting.metrics import FAMILIES
from metadata_server.config import ClockKind
from metadata_server.testing import serve_in_thread, vms
from tests.infra.monitoring.tools import MONITORING, needs_prometheus, promtool
from tests.sidecar import Sidecar
from tests.until import until

NOT_HERE = {
    "gate_closed",
    "in_flight",
    "episode_seconds",
    "notices",
    "alarms",
    "steps_total",
    "step_failures_total",
}
"""Absent while there is nothing to say."""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextmanager
def prometheus(folder: Path, *, target: str) -> Iterator[str]:
    """Its URL; the shipped files but for the address and a shorter interval."""
    text = (MONITORING / "prometheus.yaml").read_text(encoding="utf-8")
    assert "127.0.0.1:9181" in text
    text = text.replace("127.0.0.1:9181", target).replace("15s", "500ms")
    (folder / "prometheus.yaml").write_text(text, encoding="utf-8")
    shutil.copy(MONITORING / "alerts.yaml", folder)
    listen = f"127.0.0.1:{free_port()}"
    with (folder / "prometheus.log").open("wb") as log:
        running = subprocess.Popen(
            [
                *(
                    "prometheus",
                    "--config.file",
                    "prometheus.yaml",
                    "--storage.tsdb.path",
                    str(folder / "data"),
                ),
                *("--web.listen-address", listen),
            ],
            cwd=folder,
            stdout=log,
            stderr=log,
        )
    try:
        yield f"http://{listen}"
    finally:
        running.terminate()
        running.wait(timeout=60)


def asked(url: str, path: str, **query: str) -> Any:
    try:
        with urllib.request.urlopen(f"{url}{path}?{urllib.parse.urlencode(query)}", timeout=10) as answer:
            return json.load(answer)["data"]
    except OSError:
        return None


def series(url: str, query: str) -> list[dict[str, Any]]:
    answer = asked(url, "/api/v1/query", query=query)
    return [] if answer is None else list(answer["result"])


@needs_prometheus
def test_the_shipped_configuration_is_read() -> None:
    """promtool knows every word of it, and finds its rules."""
    checked = promtool("check", "config", "prometheus.yaml")
    assert checked.returncode == 0, checked.stdout + checked.stderr


@needs_prometheus
def test_a_prometheus_scrapes_a_sidecar(tmp_path: Path) -> None:
    """Every family that has something to say arrives; blindness raises its alert, a sidecar's end another."""
    vm = f"vm-{uuid.uuid4()}"
    with serve_in_thread(vms(vm), clock=ClockKind.REAL) as emulator:
        local = f"127.0.0.1:{free_port()}"
        sidecar = Sidecar(tmp_path / "vm", emulator.url(vm))
        sidecar.start("--local", local)
        try:
            with prometheus(tmp_path, target=local) as url:
                until(lambda: series(url, "drainer_document_age_seconds"), "a scrape")
                assert {one["metric"]["instance"] for one in series(url, "up")} == {"name-of-this-vm"}
                names = set(asked(url, "/api/v1/label/__name__/values"))
                assert {f"drainer_{one.name}" for one in FAMILIES if one.name not in NOT_HERE} <= names
                emulator.control.give("fault", vm=vm, kind="reset")
                until(lambda: pending(url, "DrainerBlind"), "the alert of blindness")
                assert not pending(url, "DrainerDown")
                sidecar.kill()
                until(lambda: pending(url, "DrainerDown"), "the alert of a sidecar that is gone")
        finally:
            sidecar.close()


def pending(url: str, alert: str) -> bool:
    found = asked(url, "/api/v1/alerts")
    return found is not None and any(one["labels"]["alertname"] == alert for one in found["alerts"])
