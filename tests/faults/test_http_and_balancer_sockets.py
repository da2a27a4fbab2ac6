"""The sidecar's two hand-made clients, the poll's HTTP and HAProxy's socket, against faults on the wire.

Real sockets, no daemon: each row breaks one answer, and the very next call must succeed.
"""

from __future__ import annotations

import contextlib
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from drainer.backends.haproxy_socket import NetAddress, RuntimeApi, UnixAddress
from drainer.errors import Transient
from drainer.transport.http import BODY_LIMIT, HttpPeer
from tests.wire.sources.raw_peer import Ended, Script, Talk, answer, listening

HEADERS = {"Metadata": "true", "Authorization": "Bearer planted"}
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def says(what: bytes) -> Script:
    def script(talk: Talk) -> None:
        talk.send(what)

    return script


def resets_after(what: bytes) -> Script:
    def script(talk: Talk) -> None:
        talk.send(what)
        talk.reset()

    return script


def stalls_after(what: bytes) -> Script:
    def script(talk: Talk) -> None:
        talk.send(what)
        talk.silence()

    return script


def endless(start: bytes, piece: bytes) -> Script:
    def script(talk: Talk) -> None:
        talk.send(start)
        while not talk.stopped.is_set():
            talk.send(piece)

    return script


HTTP_FAULTS: dict[str, tuple[Script, set[str]]] = {
    "silent after the request": (Talk.silence, {"timeout"}),
    "silent in the headers": (stalls_after(b"HTTP/1.1 200 OK\r\nDate"), {"timeout"}),
    "silent in the body": (stalls_after(answer(b"whole")[:-2]), {"timeout"}),
    "reset after the request": (Talk.reset, {"reset"}),
    "reset in the headers": (resets_after(b"HTTP/1.1 200 OK\r\nDate"), {"reset", "garbled", "truncated"}),
    "reset in the body": (resets_after(answer(b"whole")[:-2]), {"reset", "truncated"}),
    "truncated body": (says(answer(b"whole")[:-2]), {"truncated"}),
    "announced oversized": (
        says(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (BODY_LIMIT + 1)),
        {"oversized"},
    ),
    "endless body": (endless(b"HTTP/1.0 200 OK\r\n\r\n", b"x" * 65536), {"oversized"}),
    "endless chunks": (endless(CHUNKED, b"10000\r\n" + b"x" * 65536 + b"\r\n"), {"oversized"}),
    "endless headers": (endless(b"HTTP/1.1 200 OK\r\n", b"X-More: 1\r\n"), {"garbled"}),
    "no HTTP": (says(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"), {"garbled"}),
}


def broken_once(fault: Script) -> Script:
    """The first connection meets the fault, every later one a good answer."""

    def script(talk: Talk) -> None:
        while True:
            talk.request()
            if talk.number == 1:
                fault(talk)
                raise Ended
            talk.send(answer(b"good"))

    return script


@pytest.mark.parametrize("name", HTTP_FAULTS)
def test_http_fault_is_transient_and_over_at_once(name: str) -> None:
    """A broken answer is one Transient of a known kind, and the next poll reads a good one."""
    fault, kinds = HTTP_FAULTS[name]
    with listening(broken_once(fault)) as served, contextlib.closing(HttpPeer(served.base_url)) as peer:
        with pytest.raises(Transient) as caught:
            peer.get("/x", headers=HEADERS, timeout_s=1)
        assert caught.value.kind in kinds
        assert peer.get("/x", headers=HEADERS, timeout_s=30).body == b"good"


@pytest.mark.parametrize("name", ["silent after the request", "reset in the body", "truncated body"])
def test_a_peer_of_ipv6_misbehaves_alike(name: str) -> None:
    """The same Transients and the same recovery over an IPv6 address, which a reason has in brackets."""
    fault, kinds = HTTP_FAULTS[name]
    ipv6 = listening(broken_once(fault), family=socket.AF_INET6)
    with ipv6 as served, contextlib.closing(HttpPeer(served.base_url)) as peer:
        with pytest.raises(Transient) as caught:
            peer.get("/x", headers=HEADERS, timeout_s=1)
        assert caught.value.kind in kinds
        assert "[::1]:" in caught.value.reason
        assert peer.get("/x", headers=HEADERS, timeout_s=30).body == b"good"


@contextlib.contextmanager
def full(family: socket.AddressFamily, address: Any) -> Iterator[socket.socket]:
    """A socket that listens, and whose queue of connections is full until somebody accepts one."""
    with socket.socket(family) as listener, contextlib.ExitStack() as waiting:
        listener.bind(address)
        listener.listen(0)
        for _ in range(16):
            client = waiting.enter_context(socket.socket(family))
            client.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                client.connect(listener.getsockname())
        yield listener


@pytest.mark.skipif(sys.platform != "linux", reason="how a full queue answers is the system's choice")
def test_a_connection_that_is_not_taken_is_a_timeout() -> None:
    """The time-out of a poll bounds its connecting, too."""
    with full(socket.AF_INET, ("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with contextlib.closing(HttpPeer(url)) as peer:
            with pytest.raises(Transient) as caught:
                peer.get("/x", headers=HEADERS, timeout_s=0.5)
            assert caught.value.kind == "timeout"


@pytest.mark.skipif(sys.platform != "linux", reason="how a full queue answers is the system's choice")
@pytest.mark.parametrize("kind", ["net", "unix"])
def test_a_balancer_that_takes_no_connection_is_transient(tmp_path: Path, kind: str) -> None:
    """HAProxy's socket with a full queue is a Transient within its two seconds."""
    family = socket.AF_INET if kind == "net" else socket.AF_UNIX
    with full(family, ("127.0.0.1", 0) if kind == "net" else str(tmp_path / "s")) as listener:
        named = listener.getsockname()
        where = NetAddress(host=named[0], port=named[1]) if kind == "net" else UnixAddress(path=named)
        with pytest.raises(Transient) as caught:
            RuntimeApi(where).show("show info")
        assert caught.value.kind == "haproxy-unreachable"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(status: int) -> None:
    """A redirect is a Transient; its target hears nothing, so no header of ours reaches it."""
    with listening(says(answer(b"elsewhere"))) as target:
        moved = says(answer(status=f"{status} Moved", Location=target.base_url))
        with listening(broken_once(moved)) as served, contextlib.closing(HttpPeer(served.base_url)) as peer:
            with pytest.raises(Transient, match="not followed") as caught:
                peer.get("/x", headers=HEADERS, timeout_s=30)
            assert caught.value.kind == "redirected"
            assert peer.get("/x", headers=HEADERS, timeout_s=30).body == b"good"
        assert target.connections == []


BALANCER_FAULTS: dict[str, Script] = {
    "silent": Talk.silence,
    "silent in the answer": stalls_after(b"Name: HAPr"),
    "reset": Talk.reset,
    "reset in the answer": resets_after(b"Name: HAPr"),
    "empty": says(b""),
    "truncated": says(b"Name: HAPr"),
    "endless": endless(b"", b"x" * 65536),
}


@pytest.mark.parametrize("name", BALANCER_FAULTS)
def test_balancer_fault_is_transient_and_over_at_once(name: str) -> None:
    """A broken answer of HAProxy's socket is one Transient, and the next command is answered."""

    def script(talk: Talk) -> None:
        talk.sock.recv(4096)
        (BALANCER_FAULTS[name] if talk.number == 1 else says(b"Name: HAProxy\n\n"))(talk)

    with listening(script) as served:
        api = RuntimeApi(NetAddress(host="127.0.0.1", port=served.port))
        with pytest.raises(Transient):
            api.show("show info")
        assert api.show("show info") == "Name: HAProxy\n\n"
