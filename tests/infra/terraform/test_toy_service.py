"""The demo's toy web service drains as an application should."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import pytest

from tests.infra.terraform.tool import CONFIGURATIONS

PROGRAM = CONFIGURATIONS / "demo" / "service" / "web.py"


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    return tmp_path / "draining"


@pytest.fixture
def service(marker: Path) -> Iterator[HTTPConnection]:
    command = [sys.executable, str(PROGRAM), "--host", "127.0.0.1", "--port", "0", "--marker", str(marker)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        port = int(running.stdout.readline().rpartition(":")[2])
        connection = HTTPConnection("127.0.0.1", port, timeout=60)
        yield connection
        connection.close()
        running.terminate()


def get(service: HTTPConnection, path: str) -> tuple[HTTPResponse, dict[str, object]]:
    service.request("GET", path)
    answer = service.getresponse()
    body: dict[str, object] = json.loads(answer.read())
    return answer, body


def test_answers_on_a_kept_connection(service: HTTPConnection) -> None:
    """In service every route is well, names the VM, and leaves the connection open."""
    for path in ("/", "/ready", "/healthz", "/whoami"):
        answer, body = get(service, path)
        assert answer.status == 200
        assert body["vm"]
        assert answer.getheader("Connection") is None
    assert service.sock is not None


def test_drains_while_the_marker_exists(service: HTTPConnection, marker: Path) -> None:
    """The probe's route fails, the others send the client away; without the marker all is as before."""
    marker.touch()
    for path, status in (("/ready", 503), ("/healthz", 200), ("/", 200)):
        answer, body = get(service, path)
        assert (answer.status, answer.getheader("Connection"), body["draining"]) == (status, "close", True)
    marker.unlink()
    answer, body = get(service, "/ready")
    assert (answer.status, body["draining"]) == (200, False)
