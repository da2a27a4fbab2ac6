"""Each fault as a client meets it, and its end."""

import http.client
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from metadata_server.clock import monotonic
from metadata_server.testing import ServedEmulator, serve_in_thread, vms
from tests.wire.metadata_server.wire import EVENTS, approve, ask, events

VERSIONS = "/metadata/versions"


@pytest.fixture(scope="module")
def served() -> Iterator[ServedEmulator]:
    with serve_in_thread(vms("vm1", "vm2", set="web")) as emulator:
        yield emulator


@pytest.fixture
def emulator(served: ServedEmulator) -> Iterator[ServedEmulator]:
    yield served
    served.control.give("mend", vm="vm1")
    assert ask(served.url("vm1"), VERSIONS).status == 200


def test_status(emulator: ServedEmulator) -> None:
    """A status fault replaces every answer to that VM, and to no other."""
    emulator.control.give("fault", vm="vm1", kind="status", status=503)
    assert ask(emulator.url("vm1"), EVENTS).status == 503
    assert ask(emulator.url("vm2"), EVENTS).status == 200
    [fault] = emulator.control.show("faults")["faults"]
    expected = {"vm": "vm1", "kind": "status", "status": 503, "delay_s": 0.0, "path": "/", "location": ""}
    assert fault == expected


def test_path_limits_a_fault(emulator: ServedEmulator) -> None:
    """A fault with a path leaves other paths alone."""
    emulator.control.give("fault", vm="vm1", kind="status", status=500, path="/metadata/scheduledevents")
    assert [ask(emulator.url("vm1"), path).status for path in (EVENTS, VERSIONS)] == [500, 200]


def test_empty_body(emulator: ServedEmulator) -> None:
    """The empty fault is a 200 with nothing in it."""
    emulator.control.give("fault", vm="vm1", kind="empty")
    reply = ask(emulator.url("vm1"), EVENTS)
    assert (reply.status, reply.body, reply.headers["content-length"]) == (200, b"", "0")


def test_html_body(emulator: ServedEmulator) -> None:
    """The html fault is a page where JSON should be."""
    emulator.control.give("fault", vm="vm1", kind="html")
    reply = ask(emulator.url("vm1"), EVENTS)
    assert (reply.status, reply.headers["content-type"]) == (200, "text/html")
    assert reply.body.startswith(b"<!DOCTYPE html>")


def test_truncated_body(emulator: ServedEmulator) -> None:
    """The truncated fault promises a whole body and ends the connection in the middle of it."""
    emulator.control.give("fault", vm="vm1", kind="truncated")
    with pytest.raises(http.client.IncompleteRead) as caught:
        ask(emulator.url("vm1"), EVENTS)
    assert caught.value.partial.startswith(b'{"Document')


@pytest.mark.parametrize("kind", ["empty", "truncated", "reset-body"])
def test_a_fault_of_the_body_heeds_no_condition(emulator: ServedEmulator, kind: str) -> None:
    """A client that asks by ETag meets the fault of a body at once: no 304 hides it."""
    etag = ask(emulator.url("vm1"), EVENTS).headers["etag"]
    conditional = {"Metadata": "true", "If-None-Match": etag}
    assert ask(emulator.url("vm1"), EVENTS, headers=conditional).status == 304
    emulator.control.give("fault", vm="vm1", kind=kind)
    if kind == "empty":
        assert ask(emulator.url("vm1"), EVENTS, headers=conditional).status == 200
        return
    with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
        ask(emulator.url("vm1"), EVENTS, headers=conditional)


def test_reset_connection(emulator: ServedEmulator) -> None:
    """The reset fault resets the connection: no answer, and no orderly end either."""
    emulator.control.give("fault", vm="vm1", kind="reset")
    parts = urlsplit(emulator.url("vm1"))
    assert parts.hostname is not None
    with socket.create_connection((parts.hostname, parts.port or 80), timeout=5) as client:
        client.sendall(b"GET /metadata/versions HTTP/1.1\r\nHost: x\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            client.recv(1)


def test_delay(emulator: ServedEmulator) -> None:
    """The delay fault answers rightly, but late."""
    emulator.control.give("fault", vm="vm1", kind="delay", delay="200ms")
    begun = monotonic()
    assert ask(emulator.url("vm1"), EVENTS).status == 200
    assert monotonic() - begun >= 0.2


def test_client_that_gives_up(emulator: ServedEmulator) -> None:
    """A client that does not wait for a late answer harms nobody."""
    emulator.control.give("fault", vm="vm1", kind="delay", delay="300ms")
    parts = urlsplit(emulator.url("vm1"))
    assert parts.hostname is not None
    with socket.create_connection((parts.hostname, parts.port or 80), timeout=5) as impatient:
        impatient.sendall(b"GET /metadata/versions HTTP/1.1\r\nHost: x\r\nMetadata: true\r\n\r\n")
    assert ask(emulator.url("vm1"), EVENTS).status == 200


def test_client_that_leaves_in_the_middle(served: ServedEmulator, capfd: pytest.CaptureFixture[str]) -> None:
    """A client that breaks off its request is forgotten without a word."""
    parts = urlsplit(served.url("vm1"))
    assert parts.hostname is not None
    with socket.create_connection((parts.hostname, parts.port or 80), timeout=5) as halting:
        halting.sendall(b"POST /metadata/scheduledevents HTTP/1.1\r\nHost: [\r\nContent-Length: 99\r\n\r\n{")
    for _ in range(3):
        assert ask(served.url("vm1"), EVENTS, headers={"Metadata": "true", "Host": "["}).status == 200
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(("kind", "expected"), [("status", "Scheduled"), ("empty", "Started")])
def test_whether_the_service_saw_it(emulator: ServedEmulator, kind: str, expected: str) -> None:
    """A replaced answer means that nothing happened, an emptied one that it did."""
    event_id = emulator.control.give("schedule", type="Reboot", vms=["vm1"])["id"]
    emulator.control.give("fault", vm="vm1", kind=kind, status=500)
    approve(emulator.url("vm1"), event_id)
    assert events(emulator.url("vm2"))["Events"][0]["EventStatus"] == expected
    emulator.control.give({"Scheduled": "cancel", "Started": "complete"}[expected], id=event_id)


def test_stop_does_not_wait_for_late_answers() -> None:
    """An emulator that is told to stop does so within seconds, whatever is still to be answered."""
    served = serve_in_thread(vms("vm1"))
    served.control.give("fault", vm="vm1", kind="delay", delay="1h")
    parts = urlsplit(served.url("vm1"))
    assert parts.hostname is not None
    with socket.create_connection((parts.hostname, parts.port or 80), timeout=5) as waiting:
        waiting.sendall(b"GET /metadata/versions HTTP/1.1\r\nHost: x\r\n\r\n")
        served.control.show("clock")
        begun = monotonic()
        served.close()
        assert monotonic() - begun < 5


def test_slow_first_answer() -> None:
    """With its switch, the first read of Scheduled Events is slow and the second is not."""
    with serve_in_thread(vms("vm1")) as served:
        served.control.give("switch", name="first-answer", value="200ms")
        begun = monotonic()
        events(served.url("vm1"))
        assert monotonic() - begun >= 0.2
        served.control.give("switch", name="first-answer", value="1h")
        events(served.url("vm1"))


def test_too_many_requests() -> None:
    """With its switch, the sixth request of one second is answered with 429, and a second later not."""
    with serve_in_thread(vms("vm1")) as served:
        served.control.give("switch", name="rate-limit", value="on")
        statuses = [ask(served.url("vm1"), EVENTS).status for _ in range(6)]
        assert statuses == [200] * 5 + [429]
        served.control.give("advance", by="1s")
        assert ask(served.url("vm1"), EVENTS).status == 200
