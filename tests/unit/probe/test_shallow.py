"""The probe unit's shallow check: bounded, remembered, and strict about what is a yes."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

import pytest

from drainer.probe.shallow import REMEMBERED_S, Remembered, Target, passes, target
from tests.contract.application import answering, free_port


@contextmanager
def speaking(*pieces: bytes) -> Iterator[Target]:
    """A server that sends these pieces to the first caller, whatever he asks, and then is silent."""
    done = threading.Event()

    def serve(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            for piece in pieces:
                connection.sendall(piece)
                if piece == b"":
                    return
            done.wait(5)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        try:
            yield Target(host="127.0.0.1", port=listener.getsockname()[1], path="/")
        finally:
            done.set()
            thread.join()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:80", Target(host="127.0.0.1", port=80)),
        ("[::1]:80", Target(host="::1", port=80)),
        ("http://localhost/healthz", Target(host="localhost", port=80, path="/healthz")),
        ("http://[::1]:8080", Target(host="::1", port=8080, path="/")),
        ("http://app:81/a?b=c", Target(host="app", port=81, path="/a?b=c")),
    ],
)
def test_a_target_is_read(text: str, expected: Target) -> None:
    """A URL asks HTTP, HOST:PORT connects; IPv6 is in brackets."""
    assert target(text) == expected


@pytest.mark.parametrize("text", ["", "80", "host", "host:80/path", "host:99999", "https://host/"])
def test_what_is_no_target_is_refused(text: str) -> None:
    """Neither a plain URL nor HOST:PORT: said so."""
    with pytest.raises(ValueError, match=r"expected|Port"):
        target(text)


@pytest.mark.parametrize(("status", "passed"), [(200, True), (204, False), (302, False), (503, False)])
def test_http_200_alone_passes(status: int, passed: bool) -> None:
    """As a balancer's prober sees it, only 200 is up."""
    with answering(lambda: status) as address:
        assert passes(target(f"http://{address}/healthz")) is passed


def test_a_listener_passes_and_a_closed_port_does_not() -> None:
    """Without a path a connection is enough."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert passes(Target(host="127.0.0.1", port=listener.getsockname()[1]))
    assert not passes(Target(host="127.0.0.1", port=free_port()))


@pytest.mark.parametrize(
    ("pieces", "passed"),
    [
        ((b"HTTP/1.1 2", b"00 OK\r\n"), True),
        ((b"HTTP/1.1 200 OK", b""), False),
        ((b"garbage\r\n",), False),
        ((b"x" * 2000,), False),
    ],
    ids=["in two pieces", "cut", "garbage", "endless"],
)
def test_only_a_whole_status_line_passes(pieces: tuple[bytes, ...], passed: bool) -> None:
    """Pieces are put together; what is cut, no HTTP or endless does not pass."""
    with speaking(*pieces) as where:
        assert passes(where) is passed


def test_silence_does_not_pass_in_time() -> None:
    """A peer that says nothing is down after a second."""
    began = monotonic()
    with speaking() as where:
        assert not passes(where)
    assert 0.5 < monotonic() - began < 3


def test_an_answer_is_remembered_for_half_a_second() -> None:
    """A burst of askers costs one check; later ones see the change."""
    answers = iter((True, False))
    check = Remembered(lambda: next(answers))
    assert [check(), check()] == [True, True]
    until = monotonic() + 10 * REMEMBERED_S
    while check():
        assert monotonic() < until
        threading.Event().wait(0.01)
