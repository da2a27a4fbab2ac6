"""The probe unit over the wire: two answers on one route, evidence beside the marker, a clean end."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import pytest

from drainer import probe
from drainer.probe import marker as markers
from drainer.probe import server as servers
from drainer.probe import unit
from drainer.probe.tally import Tally
from tests.contract.application import answering, free_port

PATIENCE_S = 10.0


@dataclass(frozen=True)
class Running:
    address: tuple[str, int]
    marker: Path

    def ask(
        self, request: bytes = b"GET /ready HTTP/1.1\r\nHost: x\r\n\r\n", *, source: str = "127.0.0.1"
    ) -> bytes:
        with socket.create_connection(self.address, timeout=5, source_address=(source, 0)) as connection:
            connection.sendall(request)
            with connection.makefile("rb") as answer:
                return answer.read()

    def status(self) -> int:
        return int(self.ask().split()[1])

    def evidence(self) -> dict[str, int]:
        which = markers.identity(self.marker)
        assert which is not None
        return dict(markers.read_evidence(self.marker, which))


def eventually(condition: Callable[[], bool]) -> None:
    deadline = monotonic() + PATIENCE_S
    while not condition():
        assert monotonic() < deadline
        threading.Event().wait(0.01)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """The unit's own judge and server, in a thread."""
    marker = tmp_path / "draining"
    stop, tell = socket.socketpair()
    listener = socket.create_server(("127.0.0.1", 0))
    server = servers.Server(unit._judge(marker, None), Tally(marker).count)
    thread = threading.Thread(target=server.serve, args=([listener], stop))
    thread.start()
    yield Running(listener.getsockname(), marker)
    tell.send(b"x")
    thread.join(PATIENCE_S)
    for end in (stop, tell, listener):
        end.close()


@dataclass(frozen=True)
class Judged:
    """A unit whose judge waits for `go`."""

    address: tuple[str, int]
    go: threading.Event


@pytest.fixture
def running_judged() -> Iterator[Judged]:
    go = threading.Event()

    def judge() -> servers.Verdict:
        go.wait(PATIENCE_S)
        return servers.Verdict(up=True)

    stop, tell = socket.socketpair()
    listener = socket.create_server(("127.0.0.1", 0), backlog=8 * servers.CONNECTIONS)
    thread = threading.Thread(
        target=servers.Server(judge, lambda asker, which: None).serve, args=([listener], stop)
    )
    thread.start()
    yield Judged(listener.getsockname(), go)
    go.set()
    tell.send(b"x")
    thread.join(PATIENCE_S)
    for end in (stop, tell, listener):
        end.close()


def test_up_without_a_marker_down_with_one(running: Running) -> None:
    """200 and 503, at once, without a body."""
    assert running.ask() == b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    running.marker.touch()
    down = running.ask()
    assert down == b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    running.marker.unlink()
    assert running.status() == 200


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        (b"GET /ready HTTP/1.0", 200),
        (b"GET /ready?from=prober HTTP/1.1", 200),
        (b"GET / HTTP/1.1", 404),
        (b"GET /ready/ HTTP/1.1", 404),
        (b"POST /status HTTP/1.1", 404),
        (b"HEAD /ready HTTP/1.1", 405),
        (b"POST /ready HTTP/1.1", 405),
        (b"GET /ready", 400),
        (b"GET /ready SPDY/3", 400),
        (b"\x16\x03\x01", 400),
        (b"", 400),
    ],
)
def test_nothing_else_is_served(running: Running, request_line: bytes, status: int) -> None:
    """Other paths are 404, other methods 405, and what is no request 400."""
    assert int(running.ask(request_line + b"\r\n\r\n").split()[1]) == status


def test_each_asker_leaves_evidence(running: Running) -> None:
    """Down answers are counted per asker, up answers and other routes are not."""
    running.status()
    running.marker.touch()
    for source in ("127.0.0.8", "127.0.0.9", "127.0.0.9"):
        running.ask(source=source)
    running.ask(b"GET /other HTTP/1.1\r\n\r\n", source="127.0.0.7")
    eventually(lambda: running.evidence() == {"127.0.0.8": 1, "127.0.0.9": 2})


def test_no_evidence_without_an_answer(running: Running) -> None:
    """An asker that goes away before his answer was not answered."""
    running.marker.touch()
    with socket.create_connection(running.address) as gone:
        gone.sendall(b"GET /ready HTTP/1.1\r\n")
    running.ask(source="127.0.0.9")
    eventually(lambda: running.evidence() == {"127.0.0.9": 1})


def test_evidence_that_cannot_be_written_changes_no_answer(running: Running) -> None:
    """A directory in the way of the evidence leaves the answers as they are."""
    markers.evidence_path(running.marker).mkdir()
    running.marker.touch()
    assert [running.status(), running.status()] == [503, 503]


def test_a_marker_that_cannot_be_looked_at_is_none(tmp_path: Path) -> None:
    """In doubt the VM stays in service."""
    (tmp_path / "file").touch()
    assert unit._judge(tmp_path / "file" / "draining", None)() == servers.Verdict(up=True)


def test_idle_connections_do_not_lock_the_prober_out(running: Running) -> None:
    """More idle connections than there is room for: the oldest go, the prober is answered."""
    idle = [socket.create_connection(running.address) for _ in range(servers.CONNECTIONS + 5)]
    assert running.status() == 200
    idle[0].settimeout(servers.TIME_S / 2)  # sooner than it would have been cut for being slow
    assert idle[0].recv(1) == b""
    for connection in idle:
        connection.close()


def test_a_head_without_end_is_cut(running: Running) -> None:
    """A request is bounded in bytes."""
    with socket.create_connection(running.address, timeout=PATIENCE_S) as connection:
        endless = b"x" * (64 << 20)
        with pytest.raises(OSError, match=r"reset|pipe"):
            connection.sendall(endless)


def test_a_slow_request_is_cut(running: Running) -> None:
    """A request is bounded in time, also when it trickles."""
    began = monotonic()
    with socket.create_connection(running.address, timeout=PATIENCE_S) as connection:
        connection.sendall(b"GET ")
        assert connection.recv(1) == b""
    assert monotonic() - began < 2 * servers.TIME_S


def test_a_listener_out_of_descriptors_makes_room(running: Running) -> None:
    """An accept that fails ends nothing."""
    server = servers.Server(lambda: servers.Verdict(up=True), lambda asker, which: None)
    with socket.create_server(("127.0.0.1", 0)) as nobody_calls:
        nobody_calls.setblocking(False)
        server._accept(nobody_calls)
    assert running.status() == 200


def test_a_flood_under_a_check_that_hangs_is_bounded(running_judged: Judged) -> None:
    """However many ask while a check hangs, no more threads wait for it than the packaged unit may have; once
    it answers, so does the unit."""
    before = threading.active_count()
    flood = [socket.create_connection(running_judged.address) for _ in range(4 * servers.CONNECTIONS)]
    for asking in flood:
        with contextlib.suppress(OSError):  # hung up on already
            asking.sendall(b"GET /ready HTTP/1.1\r\n\r\n")
    eventually(lambda: threading.active_count() - before >= servers.CONNECTIONS)
    assert threading.active_count() - before <= servers.MOST_THREADS
    running_judged.go.set()
    for asking in flood:
        asking.close()
    eventually(lambda: threading.active_count() == before)
    assert Running(running_judged.address, Path()).status() == 200


def test_without_a_thread_the_unit_lives_on(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that gives no thread costs one asker its answer, and not the unit its life."""

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as short:
        short.setattr(threading.Thread, "start", refuse)
        for _ in range(2 * servers.MOST_THREADS):
            with contextlib.suppress(ConnectionResetError):
                assert running.ask() == b""
    assert running.status() == 200


def test_answers_under_way_are_finished_on_stop() -> None:
    """Told to stop while a check runs, the asker still gets his answer."""
    asked, go = threading.Event(), threading.Event()

    def judge() -> servers.Verdict:
        asked.set()
        go.wait(PATIENCE_S)
        return servers.Verdict(up=True)

    stop, tell = socket.socketpair()
    with stop, tell, socket.create_server(("127.0.0.1", 0)) as listener:
        server = servers.Server(judge, lambda asker, which: None)
        thread = threading.Thread(target=server.serve, args=([listener], stop))
        thread.start()
        with socket.create_connection(listener.getsockname(), timeout=PATIENCE_S) as connection:
            connection.sendall(b"GET /ready HTTP/1.0\r\n\r\n")
            assert asked.wait(PATIENCE_S)
            tell.send(b"x")
            go.set()
            assert connection.recv(100).startswith(b"HTTP/1.1 200")
        thread.join(PATIENCE_S)


# --- as a process ---------------------------------------------------------------------------------

START = [sys.executable, "-c", "import sys; from drainer.probe import main; sys.exit(main(sys.argv[1:]))"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_s_own_byte_ends_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, number: int) -> None:
    """Written as the signal arrives: its handler would not run where the wait has just begun."""
    heard = []

    def serve(self: servers.Server, listeners: object, stop: socket.socket) -> None:
        os.kill(os.getpid(), number)
        stop.settimeout(PATIENCE_S)
        heard.append(stop.recv(10))

    monkeypatch.setattr(servers.Server, "serve", serve)
    before = signal.getsignal(number)
    assert unit.main(["--listen", "127.0.0.1:0", "--marker", str(tmp_path / "draining")]) == 0
    assert heard == [bytes([number])]
    assert signal.getsignal(number) is before


@pytest.mark.parametrize(("host", "family"), [("127.0.0.1", socket.AF_INET), ("[::1]", socket.AF_INET6)])
def test_sigterm_ends_with_0(tmp_path: Path, host: str, family: int) -> None:
    """The unit listens where it is told, IPv6 in brackets, and ends cleanly on SIGTERM."""
    with subprocess.Popen(
        [*START, "--listen", f"{host}:0", "--marker", str(tmp_path / "draining")],
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        found = re.search(r"listening on (\S+):(\d+),", line)
        assert found, line
        running = Running((host.strip("[]"), int(found[2])), tmp_path / "draining")
        with socket.socket(family) as connection:
            connection.settimeout(5)
            connection.connect(running.address)
            connection.sendall(b"GET /ready HTTP/1.0\r\n\r\n")
            assert connection.recv(100).startswith(b"HTTP/1.1 200")
        process.terminate()
        assert process.wait(PATIENCE_S) == 0


def test_a_socket_passed_by_systemd_is_taken(tmp_path: Path) -> None:
    """With LISTEN_FDS and its own LISTEN_PID the unit answers on the passed socket."""
    marker = tmp_path / "draining"
    activate = (
        "import os, sys; os.dup2(int(sys.argv[1]), 3); os.set_inheritable(3, True);"
        "os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='1');"
        "os.execv(sys.executable, [sys.executable, '-c', *sys.argv[2:]])"
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        command = [
            sys.executable,
            "-c",
            activate,
            str(listener.fileno()),
            *START[2:],
            "--marker",
            str(marker),
        ]
        with subprocess.Popen(
            command, pass_fds=[listener.fileno()], stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stderr is not None
            assert f"listening on 127.0.0.1:{listener.getsockname()[1]}" in process.stderr.readline()
            assert Running(listener.getsockname(), marker).status() == 200
            process.terminate()
            assert process.wait(PATIENCE_S) == 0


def test_main_serves_until_sigterm(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In this process: the check decides while there is no marker, and SIGTERM ends with 0."""
    port = free_port()
    running = Running(("127.0.0.1", port), tmp_path / "draining")
    seen: list[int] = []

    def prober() -> None:
        eventually(lambda: _listens(port))
        seen.append(running.status())
        running.marker.touch()
        seen.append(running.status())
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=prober)
    with answering(lambda: 200) as address:
        thread.start()
        arguments = [
            "--listen",
            f"127.0.0.1:{port}",
            "--marker",
            str(running.marker),
            "--check",
            f"http://{address}/",
        ]
        assert probe.main(arguments) == 0
    thread.join()
    assert seen == [200, 503]
    assert f"listening on 127.0.0.1:{port}" in capsys.readouterr().err


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def test_a_failing_check_is_down() -> None:
    """Without a marker an application that refuses connections is down, and no marker is to blame."""
    target = unit._target(f"127.0.0.1:{free_port()}")
    assert unit._judge(Path("/nowhere"), target)() == servers.Verdict(up=False)


def test_an_address_in_use_is_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An address that cannot be had is said, with its name."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert probe.main(["--listen", f"127.0.0.1:{port}"]) == 1
    assert f"cannot listen on 127.0.0.1:{port}" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["--listen", "9180"],
        ["--listen", "a:b"],
        ["--listen", "a:70000"],
        ["--check", "nowhere"],
        ["--mark", "x"],
    ],
)
def test_wrong_usage_is_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """What cannot be understood is usage."""
    with pytest.raises(SystemExit) as left:
        probe.main(arguments)
    assert left.value.code == 2
    assert "usage" in capsys.readouterr().err


def test_the_unit_imports_little() -> None:
    """Neither an HTTP client nor YAML nor the policy is loaded to answer a prober."""
    script = "import sys, drainer.probe.unit; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not {"requests", "yaml", "http.client", "http.server", "drainer.core.policy"} & set(
        ran.stdout.split()
    )


def test_ipv6_wants_brackets(capsys: pytest.CaptureFixture[str]) -> None:
    """An IPv6 address without brackets is a usage error, as everywhere else."""
    with pytest.raises(SystemExit):
        unit.main(["--listen", "::1:9280"])
    assert "IPv6 in brackets" in capsys.readouterr().err
