"""The deep check: one answer per call, in time, never an exception."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from time import monotonic

import pytest

from drainer import health
from drainer.core.model import Failing, Healthy
from drainer.core.policy import HealthCheck
from tests.contract.application import answering, free_port

SHORT = timedelta(seconds=0.3)


@contextmanager
def trickling() -> Iterator[str]:
    """A server that sends one byte of an endless header every now and then."""
    stop = threading.Event()

    def serve(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            try:
                connection.sendall(b"HTTP/1.1 200 OK\r\n")
                while not stop.wait(0.05):
                    connection.sendall(b"x")
            except OSError:
                pass

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}"
        finally:
            stop.set()
            thread.join()


@pytest.mark.parametrize(
    ("status", "healthy"), [(200, True), (204, True), (301, False), (404, False), (503, False)]
)
def test_http_2xx_is_healthy(status: int, healthy: bool) -> None:
    """Any 2xx passes; a redirect is not followed and does not pass."""
    with answering(lambda: status) as address:
        found = health.build(HealthCheck(http=f"http://{address}/healthz")).check()
    assert isinstance(found, Healthy if healthy else Failing)


def test_a_redirect_to_health_is_not_followed() -> None:
    """Wherever it points, a redirect is not this application's yes."""
    with (
        answering(lambda: 200) as elsewhere,
        answering(lambda: 302, location=f"http://{elsewhere}/") as address,
    ):
        found = health.build(HealthCheck(http=f"http://{address}/")).check()
    assert found == Failing(reason=f"http://{address}/ answered 302")


def test_no_proxy_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy in the environment does not stand between us and our own application."""
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    with answering(lambda: 200) as address:
        assert health.build(HealthCheck(http=f"http://{address}/")).check() == Healthy()


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "http://[::1/", "http://"])
def test_http_that_cannot_be_asked_is_failing(url: str) -> None:
    """Refused, or no URL at all: failing, with the reason."""
    found = health.build(HealthCheck(http=url, timeout=SHORT)).check()
    assert isinstance(found, Failing)
    assert url in found.reason


def test_http_that_never_ends_is_failing_in_time() -> None:
    """A peer that trickles its header for ever does not hold the check beyond its timeout."""
    with trickling() as address:
        began = monotonic()
        found = health.build(HealthCheck(http=f"http://{address}/", timeout=SHORT)).check()
        assert monotonic() - began < 2
    assert found == Failing(reason=f"http://{address}/ gave no answer within 0.3s")


def test_a_trickling_peer_holds_one_asker() -> None:
    """However often a peer that never ends is asked, one thread waits for it."""
    with trickling() as address:
        check = health.build(HealthCheck(http=f"http://{address}/", timeout=SHORT))
        assert all(isinstance(check.check(), Failing) for _ in range(3))
        assert [thread.name for thread in threading.enumerate()].count(f"ask http://{address}/") == 1


def test_http_silence_is_failing() -> None:
    """A peer that accepts and says nothing is failing."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        assert isinstance(health.build(HealthCheck(http=url, timeout=SHORT)).check(), Failing)


def test_tcp_needs_somebody_who_accepts() -> None:
    """A listener is healthy; a closed port or an address that is none is failing, and IPv6 is in brackets."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert health.build(HealthCheck(tcp=f"127.0.0.1:{port}")).check() == Healthy()
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as listener:
        port = listener.getsockname()[1]
        assert health.build(HealthCheck(tcp=f"[::1]:{port}")).check() == Healthy()
    for address in (f"127.0.0.1:{free_port()}", "127.0.0.1:http", "127.0.0.1:70000"):
        assert isinstance(health.build(HealthCheck(tcp=address)).check(), Failing)


def test_a_command_that_exits_0_is_healthy() -> None:
    """Any other exit, a time-out, or no such program is failing and says what it said."""
    assert health.build(HealthCheck(command=("true",))).check() == Healthy()
    shell = ("/bin/sh", "-c", "echo not yet; exit 3")
    assert health.build(HealthCheck(command=shell)).check() == Failing(reason="/bin/sh exited 3 not yet")
    sleeps = health.build(HealthCheck(command=("sleep", "60"), timeout=SHORT)).check()
    assert sleeps == Failing(reason="sleep timed out")
    assert isinstance(health.build(HealthCheck(command=("/nowhere",))).check(), Failing)


def test_no_check_is_healthy() -> None:
    """A policy without a check trusts the application."""
    assert health.build(HealthCheck()).check() == Healthy()
