"""A real HAProxy as a subprocess: written configuration, master and worker, runtime socket.

For any end-to-end test: `with running(directory, servers) as proxy`.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import pytest

PATIENCE_S = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One server line. `checked`: by GET of `check_path`. `extra`: further words of the line."""

    name: str
    address: str
    checked: bool = True
    extra: str = ""


@dataclass(slots=True, kw_only=True)
class Proxy:
    """Address of the front end, path of the runtime socket, and the master process."""

    address: str
    socket: str
    config: Path
    process: subprocess.Popen[bytes]

    def ask(self, command: str) -> str:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(5)
            connection.connect(self.socket)
            connection.sendall(f"{command}\n".encode())
            with connection.makefile("rb") as answer:
                return answer.read().decode()

    def admin(self, entry: str) -> int:
        """The administrative state of BACKEND/SERVER."""
        fields = [line.split() for line in self.ask("show servers state").splitlines()]
        return next(int(f[6]) for f in fields if len(f) > 6 and f"{f[1]}/{f[3]}" == entry)

    def worker(self) -> str:
        lines = self.ask("show info").splitlines()
        return next(line.removeprefix("Pid: ") for line in lines if line.startswith("Pid: "))

    def reload(self) -> None:
        """A new worker from the file as it now is; returns when it answers.

        A master that has only just started ignores the signal, so it is sent until it is heeded.
        """
        before = self.worker()

        def reloaded() -> bool:
            self.process.send_signal(signal.SIGUSR2)
            return holds(lambda: self._answers() and self.worker() != before, within_s=1.0)

        eventually(reloaded)

    def restart(self) -> None:
        """Stop hard and start anew."""
        self.stop()
        self.process = _started(self.config)
        eventually(self._answers)

    def stop(self) -> None:
        """SIGTERM: the master ends its workers."""
        self.process.terminate()
        self.process.wait(PATIENCE_S)

    def _answers(self) -> bool:
        try:
            return "Pid: " in self.ask("show info")
        except OSError:
            return False


def eventually(condition: Callable[[], bool], *, within_s: float = PATIENCE_S) -> None:
    """Wait for a condition, with a deadline."""
    assert holds(condition, within_s=within_s), "the condition never came true"


def holds(condition: Callable[[], bool], *, within_s: float) -> bool:
    """Whether a condition comes true in time."""
    deadline = monotonic() + within_s
    while not condition():
        if monotonic() > deadline:
            return False
        threading.Event().wait(0.01)
    return True


def installed() -> str | None:
    """Where haproxy is, if it is."""
    return shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin")


def program() -> str:
    """The installed haproxy; without one the test is skipped, in CI it fails."""
    found = installed()
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail("haproxy is not installed, and CI must have it")
        pytest.skip("haproxy is not installed")
    return found


@contextmanager
def running(
    directory: Path,
    servers: Sequence[Server],
    *,
    backends: Sequence[str] = ("web",),
    level: str = "admin",
    check_path: str = "/ready",
    lines: Sequence[str] = (),
) -> Iterator[Proxy]:
    """Start HAProxy with these servers in every backend; the first backend is served on loopback.

    `lines` are added to each backend, such as "balance source".
    """
    port = _free_port()
    socket_path = directory / "admin.sock"
    config = directory / "haproxy.cfg"
    config.write_text(
        _config(socket_path, port, servers, backends, level=level, check_path=check_path, lines=lines)
    )
    proxy = Proxy(
        address=f"127.0.0.1:{port}", socket=str(socket_path), config=config, process=_started(config)
    )
    try:
        eventually(proxy._answers)
        yield proxy
    finally:
        proxy.stop()


def _started(config: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [program(), "-W", "-q", "-f", str(config)],
        cwd=config.parent,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _config(
    socket_path: Path,
    port: int,
    servers: Sequence[Server],
    backends: Sequence[str],
    *,
    level: str,
    check_path: str,
    lines: Sequence[str],
) -> str:
    head = f"""\
global
    stats socket {socket_path} mode 600 level {level}
    stats timeout 5s
    hard-stop-after 5s
defaults
    mode http
    timeout connect 1s
    timeout client 30s
    timeout server 30s
    timeout queue 5s
    option redispatch
frontend front
    bind 127.0.0.1:{port}
    default_backend {backends[0]}
"""
    return head + "".join(_backend(name, servers, check_path, lines) for name in backends)


def _backend(name: str, servers: Sequence[Server], check_path: str, lines: Sequence[str]) -> str:
    check = "check inter 100ms fastinter 100ms downinter 100ms rise 2 fall 2"
    words = [
        f"    server {s.name} {s.address} {check if s.checked else ''} {s.extra}".rstrip() for s in servers
    ]
    extra = [f"    {line}" for line in (f"option httpchk GET {check_path}", *lines)]
    return "\n".join((f"backend {name}", *extra, *words, ""))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
