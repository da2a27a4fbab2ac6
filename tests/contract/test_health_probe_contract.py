"""The health probe keeps the backend contract in both modes, against a real route and a real probe unit."""

from __future__ import annotations

import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from drainer.backends.health_probe import HealthProbe, Mode, Options
from drainer.probe import marker as markers
from drainer.probe.server import Server, Verdict
from drainer.probe.tally import Tally
from drainer.testing import BackendContract, Stand, surroundings
from tests.contract.application import answering

PROBER = "127.0.0.9"


class MarkerStand(Stand):
    entries = ("probe",)

    def __init__(self, options: Options) -> None:
        super().__init__()
        self._options = options
        self._marker = Path(options.marker)

    def connect(self) -> HealthProbe:
        return HealthProbe(self._options, surroundings(self.clock))

    def take_out(self, entry: str) -> None:
        self._marker.touch()

    def put_in(self, entry: str) -> None:
        self._marker.unlink()

    def sever(self) -> None:
        shutil.rmtree(self._marker.parent)


class ProbedStand(MarkerStand):
    """A prober that asks whenever time passes."""

    def __init__(self, options: Options, unit: tuple[str, int]) -> None:
        super().__init__(options)
        self._unit = unit

    def wait(self) -> None:
        super().wait()
        ask_as(PROBER, self._unit)


def ask_as(asker: str, unit: tuple[str, int]) -> bytes:
    with socket.create_connection(unit, timeout=5, source_address=(asker, 0)) as connection:
        connection.sendall(b"GET /ready HTTP/1.0\r\n\r\n")
        with connection.makefile("rb") as answer:
            return answer.read()


@contextmanager
def probe_unit(marker: Path) -> Iterator[tuple[str, int]]:
    def judge() -> Verdict:
        which = markers.identity(marker)
        return Verdict(up=which is None, marker=which)

    stop, tell = socket.socketpair()
    with closing(stop), closing(tell), socket.create_server(("127.0.0.1", 0)) as listener:
        server = Server(judge, Tally(marker).count)
        thread = threading.Thread(target=server.serve, args=([listener], stop))
        thread.start()
        try:
            yield listener.getsockname()
        finally:
            tell.send(b"x")
            thread.join()


class TestFileMode(BackendContract):
    @pytest.fixture
    def stand(self, tmp_path: Path) -> Iterator[Stand]:
        marker = tmp_path / "state" / "draining"
        marker.parent.mkdir()
        with answering(lambda: 503 if marker.exists() else 200) as address:
            yield MarkerStand(Options(marker=str(marker), route=f"http://{address}/ready"))


class TestListenMode(BackendContract):
    @pytest.fixture
    def stand(self, tmp_path: Path) -> Iterator[Stand]:
        marker = tmp_path / "state" / "draining"
        marker.parent.mkdir()
        with probe_unit(marker) as unit:
            yield ProbedStand(Options(mode=Mode.LISTEN, marker=str(marker), sources=(PROBER,)), unit)
