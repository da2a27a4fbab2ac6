"""Faults of the metadata service that end a connection early, pour without measure, or mislead."""

import http.client
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from metadata_server.errors import BadInput
from metadata_server.misbehaving import OVERSIZED
from metadata_server.testing import ServedEmulator, serve_in_thread, vms
from tests.wire.metadata_server.wire import EVENTS, METADATA, ask

ASKED = f"GET {EVENTS} HTTP/1.1\r\nHost: x\r\nMetadata: true\r\n\r\n".encode()
ENOUGH = 4 << 20


@pytest.fixture(scope="module")
def served() -> Iterator[ServedEmulator]:
    with serve_in_thread(vms("vm1")) as emulator:
        yield emulator


@pytest.fixture
def emulator(served: ServedEmulator) -> Iterator[ServedEmulator]:
    """Whole again after each test, at once."""
    yield served
    served.control.give("mend", vm="vm1")
    assert ask(served.url("vm1"), EVENTS).status == 200


def connected(emulator: ServedEmulator) -> socket.socket:
    parts = urlsplit(emulator.url("vm1"))
    assert parts.hostname is not None
    client = socket.create_connection((parts.hostname, parts.port or 80), timeout=30)
    client.sendall(ASKED)
    return client


def heard_until_reset(client: socket.socket) -> bytes:
    heard = b""
    while True:
        try:
            piece = client.recv(65536)
        except ConnectionResetError:
            return heard
        assert piece, "an orderly end"
        heard += piece


def test_reset_in_the_headers(emulator: ServedEmulator) -> None:
    """The head begins, does not end, and the connection is reset."""
    emulator.control.give("fault", vm="vm1", kind="reset-headers")
    with connected(emulator) as client:
        heard = heard_until_reset(client)
    assert heard.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\n\r\n" not in heard


def test_reset_in_the_body(emulator: ServedEmulator) -> None:
    """The body begins, does not reach its promised length, and the connection is reset."""
    emulator.control.give("fault", vm="vm1", kind="reset-body")
    with connected(emulator) as client:
        head, _, body = heard_until_reset(client).partition(b"\r\n\r\n")
    promised = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    assert 0 < len(body) < promised


def test_silence(emulator: ServedEmulator) -> None:
    """Nothing is said to whoever asks, and others are answered meanwhile."""
    emulator.control.give("fault", vm="vm1", kind="silent", path="/metadata/scheduledevents")
    with connected(emulator) as client:
        assert ask(emulator.url("vm1"), "/metadata/versions").status == 200
        client.settimeout(0.3)
        with pytest.raises(TimeoutError):
            client.recv(1)


@pytest.mark.parametrize(("kind", "announced"), [("oversized", str(OVERSIZED)), ("endless", None)])
def test_floods(emulator: ServedEmulator, kind: str, announced: str | None) -> None:
    """More comes than anybody should read, and the emulator stops with its reader."""
    emulator.control.give("fault", vm="vm1", kind=kind)
    parts = urlsplit(emulator.url("vm1"))
    assert parts.hostname is not None
    client = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
    client.request("GET", EVENTS, headers=METADATA)
    response = client.getresponse()
    assert response.getheader("Content-Length") == announced
    assert len(response.read(ENOUGH)) == ENOUGH
    response.close()
    client.close()


def test_an_oversized_body_has_the_length_it_announces(emulator: ServedEmulator) -> None:
    """Whoever does read it all gets it all."""
    emulator.control.give("fault", vm="vm1", kind="oversized")
    assert len(ask(emulator.url("vm1"), EVENTS).body) == OVERSIZED


def test_redirect(emulator: ServedEmulator) -> None:
    """307 with the Location that was told, which must be told."""
    emulator.control.give("fault", vm="vm1", kind="redirect", location="http://127.0.0.1:9/elsewhere")
    reply = ask(emulator.url("vm1"), EVENTS)
    assert (reply.status, reply.headers["location"]) == (307, "http://127.0.0.1:9/elsewhere")
    with pytest.raises(BadInput, match="location"):
        emulator.control.give("fault", vm="vm1", kind="redirect")


@pytest.mark.parametrize("told", [{"kind": "not-modified"}, {"kind": "status", "status": 304}])
def test_not_modified(emulator: ServedEmulator, told: dict[str, object]) -> None:
    """A 304 has neither a body nor an ETag, also as a plain status."""
    emulator.control.give("fault", vm="vm1", **told)
    reply = ask(emulator.url("vm1"), EVENTS)
    assert (reply.status, reply.body) == (304, b"")
    assert "etag" not in {name.lower() for name in reply.headers}


def test_duplicated_headers(emulator: ServedEmulator) -> None:
    """Every header comes twice, and the body is whole."""
    whole = ask(emulator.url("vm1"), EVENTS).body
    emulator.control.give("fault", vm="vm1", kind="duplicated")
    with connected(emulator) as client:
        heard = b""
        while not heard.endswith(whole):
            heard += client.recv(65536)
    names = [line.partition(b":")[0].lower() for line in heard.partition(b"\r\n\r\n")[0].splitlines()[1:]]
    counted = {name: names.count(name) for name in names if name != b"connection"}
    assert counted[b"content-length"] == counted[b"date"] == 2
    assert set(counted.values()) == {2}
