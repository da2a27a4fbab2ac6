"""The backend against a real HAProxy: maintenance and back, reloads, sessions, what the file disables."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from drainer.backends.haproxy import HaProxy, Options
from drainer.clock import ManualClock
from drainer.core.model import Done, Face, InFlight, Membership, Pending
from drainer.errors import Refused, Transient
from drainer.testing import surroundings
from tests.contract.application import answering
from tests.e2e.haproxy.proxy import Proxy, Server, eventually, running

pytestmark = pytest.mark.haproxy

FORCED_MAINT, CONFIGURED_MAINT, DRAIN, READY = 1, 4, 8, 0


@dataclass
class Rig:
    proxy: Proxy
    status: int = 200

    def connect(self, *, vm: str = "vm1") -> HaProxy:
        return HaProxy(Options(socket=self.proxy.socket), surroundings(ManualClock(), vm=vm))


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    """Three servers, the third disabled in the file; vm1's check answers `status`."""
    made: list[Rig] = []
    with answering(lambda: made[0].status if made else 200) as ours, answering(lambda: 200) as theirs:
        servers = [
            Server(name="vm1", address=ours, extra="weight 7"),
            Server(name="vm2", address=theirs),
            Server(name="vm3", address=theirs, extra="disabled"),
        ]
        with running(tmp_path, servers) as proxy:
            made.append(Rig(proxy))
            yield made[0]


def give_back(backend: HaProxy, was: Membership) -> None:
    eventually(lambda: backend.restore(was) == Done())


def test_maint_and_back(rig: Rig) -> None:
    """ready → drain → maint → drain → ready, read back each time, weight untouched."""
    backend = rig.connect()
    was = backend.membership()
    assert rig.proxy.admin("web/vm1") == READY
    backend.cordon()
    assert (rig.proxy.admin("web/vm1"), backend.membership().face) == (DRAIN, Face.OUT)
    backend.isolate(was)
    assert (rig.proxy.admin("web/vm1"), backend.membership().face) == (FORCED_MAINT, Face.OUT)
    assert isinstance(backend.restore(was), Pending)
    assert rig.proxy.admin("web/vm1") == DRAIN
    give_back(backend, was)
    assert rig.proxy.admin("web/vm1") == READY
    assert backend.membership() == was
    assert rig.proxy.ask("get weight web/vm1").startswith("7 ")


def test_disabled_by_the_file_is_not_enabled_by_restore(rig: Rig) -> None:
    """A server that the operator's file disables reads Out and stays as it is, all the way."""
    backend = rig.connect(vm="vm3")
    was = backend.membership()
    assert was.face is Face.OUT
    backend.cordon()
    backend.isolate(was)
    give_back(backend, was)
    assert rig.proxy.admin("web/vm3") == FORCED_MAINT | CONFIGURED_MAINT
    assert backend.membership() == was


def test_not_ready_before_haproxy_sees_it_up(rig: Rig) -> None:
    """While HAProxy's check fails a server comes back from maintenance no further than drain."""
    backend = rig.connect()
    was = backend.membership()
    backend.cordon()
    backend.isolate(was)
    rig.status = 503
    assert isinstance(backend.restore(was), Pending)
    eventually(lambda: "L7STS" in rig.proxy.ask("show stat web 4 -1").split("\n")[1])
    assert isinstance(backend.restore(was), Pending)
    assert rig.proxy.admin("web/vm1") == DRAIN
    rig.status = 200
    give_back(backend, was)
    assert rig.proxy.admin("web/vm1") == READY


@pytest.mark.parametrize("how", ["reload", "restart"])
def test_a_reload_or_restart_is_another_generation(rig: Rig, how: str) -> None:
    """HAProxy forgets the drain, and says so by its generation, which is stable otherwise."""
    backend = rig.connect()
    before = backend.membership().generation
    assert backend.membership().generation == before
    backend.cordon()
    getattr(rig.proxy, how)()
    read = backend.membership()
    assert read.generation != before
    assert read.face is Face.IN
    backend.cordon()
    assert backend.membership().face is Face.OUT


def test_long_connections_count_until_they_end(rig: Rig) -> None:
    """A request in flight counts while drained, is answered, and then nothing is in flight."""
    backend = rig.connect()
    host, port = rig.proxy.address.split(":")
    with held_requests(rig) as release, socket.create_connection((host, int(port)), timeout=10) as client:
        client.sendall(b"GET /slow HTTP/1.0\r\n\r\n")
        eventually(lambda: backend.in_flight() == InFlight(count=1))
        backend.cordon()
        assert backend.in_flight() == InFlight(count=1)
        release.set()
        assert client.recv(100).startswith(b"HTTP/1.")
        eventually(lambda: backend.in_flight() == InFlight(count=0))


@contextmanager
def held_requests(rig: Rig) -> Iterator[threading.Event]:
    """vm1 alone serves, and its requests for /slow wait for the event."""
    release = threading.Event()

    def serve(listener: socket.socket) -> None:
        while True:
            connection, _ = listener.accept()
            with connection:
                request = connection.recv(4096)
                if not request:
                    return
                if b"/slow" in request:
                    release.wait(20)
                connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        host, port = listener.getsockname()
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        rig.proxy.ask(f"set server web/vm1 addr {host} port {port}")
        rig.proxy.ask("set server web/vm1 health up; disable health web/vm1")
        rig.proxy.ask("set server web/vm2 state maint")
        try:
            yield release
        finally:
            release.set()
            with socket.create_connection((host, port)) as last:
                last.shutdown(socket.SHUT_WR)
                thread.join()


def test_others_in_service_are_counted(rig: Rig) -> None:
    """vm2 serves, vm3 is disabled: one other; with vm2 down: none."""
    backend = rig.connect()
    assert backend.in_service_count() == 1
    rig.proxy.ask("set server web/vm2 state drain")
    assert backend.in_service_count() == 0


def test_a_socket_without_the_level_is_refused(tmp_path: Path) -> None:
    """At level user membership is read, and a cordon is refused with the reason."""
    with (
        answering(lambda: 200) as address,
        running(tmp_path, [Server(name="vm1", address=address)], level="user") as proxy,
    ):
        backend = HaProxy(Options(socket=proxy.socket), surroundings(ManualClock()))
        assert backend.membership().face is Face.IN
        with pytest.raises(Refused, match="haproxy-permission"):
            backend.cordon()


def test_a_stopped_haproxy_is_transient(rig: Rig) -> None:
    """Nobody there: waited for."""
    backend = rig.connect()
    rig.proxy.stop()
    with pytest.raises(Transient, match="haproxy-unreachable"):
        backend.membership()


def test_a_killed_daemon_changes_no_membership(rig: Rig) -> None:
    """SIGKILL before and right after a cordon leaves HAProxy as it was told last."""
    script = (
        "import os, signal, sys\n"
        "from drainer.backends.haproxy import KIND, Options\n"
        "from drainer.clock import SystemClock\n"
        "from drainer.ports import Surroundings\n"
        "around = Surroundings(clock=SystemClock(), vm_name=lambda: 'vm1', service_ports=(80,))\n"
        "backend = KIND.build(Options(socket=sys.argv[1]), around)\n"
        "backend.membership()\n"
        "if sys.argv[2] == 'cordon': backend.cordon()\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    for verb, admin in (("nothing", READY), ("cordon", DRAIN)):
        ran = subprocess.run([sys.executable, "-c", script, rig.proxy.socket, verb], check=False)
        assert ran.returncode == -9
        assert rig.proxy.admin("web/vm1") == admin
