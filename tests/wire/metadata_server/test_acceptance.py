"""The contract of the emulator, case by case, over loopback."""

import http.client
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from metadata_server.clock import monotonic
from metadata_server.config import ClockKind, ServeConfig
from metadata_server.errors import BrokenLog
from metadata_server.testing import ServedEmulator, serve_in_thread, vms
from metadata_server.topology import Address, Topology, Vm
from tests.wire.metadata_server.wire import EVENTS, METADATA, approve, ask, events

NOON = datetime(2030, 1, 31, 12, 0, 0, tzinfo=UTC)


@pytest.fixture
def emulator() -> Iterator[ServedEmulator]:
    machines = (*vms("vm1", "vm2", set="web"), *vms("lone"))
    config = ServeConfig(topology=Topology(vms=machines), clock=ClockKind.MANUAL, starts_at=NOON)
    with serve_in_thread(config) as served:
        yield served


def schedule(emulator: ServedEmulator, kind: str = "Reboot", in_: str = "15m") -> str:
    reply = emulator.control.give("schedule", type=kind, vms=["vm1"], in_=in_)
    return str(reply["id"])


@pytest.mark.parametrize("kind", ["Freeze", "Reboot", "Redeploy", "Preempt", "Terminate"])
def test_contract_fields(emulator: ServedEmulator, kind: str) -> None:
    """Case 91: every documented field is there with its type, its values and its date format."""
    schedule(emulator, kind)
    document = events(emulator.url("vm1"))
    assert list(document) == ["DocumentIncarnation", "Events"]
    assert type(document["DocumentIncarnation"]) is int
    [event] = document["Events"]
    types = {
        "EventId": str,
        "EventStatus": str,
        "EventType": str,
        "ResourceType": str,
        "Resources": list,
        "NotBefore": str,
        "Description": str,
        "EventSource": str,
        "DurationInSeconds": int,
    }
    assert {name: type(value) for name, value in event.items()} == types
    assert re.fullmatch(r"[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}", event["EventId"])
    assert (event["EventStatus"], event["EventType"]) == ("Scheduled", kind)
    assert (event["ResourceType"], event["Resources"]) == ("VirtualMachine", ["vm1"])
    assert event["EventSource"] in ("Platform", "User")
    assert re.fullmatch(r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT", event["NotBefore"])
    assert parsedate_to_datetime(event["NotBefore"]) == NOON + timedelta(minutes=15)


def test_id_constant(emulator: ServedEmulator) -> None:
    """Case 92: an event keeps its id from Scheduled to Started, and a new event has a new one."""
    first = schedule(emulator)
    second = schedule(emulator)
    assert first != second
    assert [event["EventId"] for event in events(emulator.url("vm1"))["Events"]] == [first, second]
    approve(emulator.url("vm1"), first)
    shown = [(event["EventId"], event["EventStatus"]) for event in events(emulator.url("vm1"))["Events"]]
    assert shown == [(first, "Started"), (second, "Scheduled")]


def test_incarnation_increments(emulator: ServedEmulator) -> None:
    """Case 93: the incarnation grows with each visible change and with nothing else."""

    def incarnations() -> tuple[int, int]:
        shared, alone = (events(emulator.url(vm))["DocumentIncarnation"] for vm in ("vm2", "lone"))
        return shared, alone

    assert (incarnations(), incarnations()) == ((1, 1), (1, 1))
    event_id = schedule(emulator)
    assert incarnations() == (2, 1)
    emulator.control.give("advance", by="14m")
    emulator.control.give("switch", name="ack-body", value="document")
    assert incarnations() == (2, 1)
    approve(emulator.url("vm2"), event_id)
    assert incarnations() == (3, 1)
    approve(emulator.url("vm1"), event_id)
    assert incarnations() == (3, 1)
    emulator.control.give("advance", by="10m")
    assert incarnations() == (4, 1)


def test_blank_notbefore_when_started(emulator: ServedEmulator) -> None:
    """Case 94: NotBefore is blank from the moment an event is Started, however it got there."""
    ids = [schedule(emulator) for _ in range(3)]
    emulator.control.give("start", id=ids[0])
    approve(emulator.url("vm1"), ids[1])
    emulator.control.give("fail", vms=["vm2"])
    before = [event["NotBefore"] for event in events(emulator.url("vm1"))["Events"]]
    assert before == ["", "", "Thu, 31 Jan 2030 12:15:00 GMT", ""]
    emulator.control.give("complete", id=ids[0])
    emulator.control.give("advance", by="15m")
    assert {event["NotBefore"] for event in events(emulator.url("vm1"))["Events"]} <= {""}


def test_gone_when_finished(emulator: ServedEmulator) -> None:
    """Case 95: finished and cancelled events both leave an empty list."""
    finished, cancelled = schedule(emulator), schedule(emulator)
    approve(emulator.url("vm1"), finished)
    emulator.control.give("complete", id=finished)
    emulator.control.give("cancel", id=cancelled)
    assert events(emulator.url("vm1"))["Events"] == []
    outcomes = [event["status"] for event in emulator.control.show("events?gone=shown")["events"]]
    assert outcomes == ["Completed", "Cancelled"]


@pytest.mark.parametrize("path", ["/metadata/scheduledevents", "/metadata/instance"])
def test_header_and_version(emulator: ServedEmulator, path: str) -> None:
    """Case 96: no header, a proxy's header, a missing or unknown version each give the platform's error."""
    version = "2020-07-01" if path.endswith("events") else "2021-02-01"
    good = f"{path}?api-version={version}"
    url = emulator.url("vm1")
    assert ask(url, good).status == 200
    bare = ask(url, good, headers={})
    assert (bare.status, bare.content) == (
        400,
        {"error": "Bad request. Required metadata header not specified"},
    )
    proxied = ask(url, good, headers={**METADATA, "X-Forwarded-For": "10.0.0.1"})
    assert (proxied.status, list(proxied.content)) == (400, ["error"])
    for wrong in (path, f"{path}?api-version=2000-01-01"):
        refused = ask(url, wrong)
        assert refused.status == 400
        assert refused.content["error"].startswith("Bad request. api-version is invalid or was not specified")
        assert refused.content["newest-versions"] == ["2025-04-07", "2024-07-17", "2024-03-15"]
    assert ask(url, f"{good}&api-version={version}").status == 400
    assert ask(url, good, method="DELETE").status == 405
    assert ask(url, "/metadata/nothing").status == 404


def test_own_view() -> None:
    """Case 97: each VM, told apart by the address it asks or by its own, sees its own view, IPv6 too."""
    shared = Address(host="127.0.0.1", port=0)
    machines = (
        Vm(name="first", address=shared, source="127.0.0.11"),
        Vm(name="second", address=shared, source="127.0.0.12"),
        Vm(name="alone", address=Address(host="127.0.0.1", port=0)),
        Vm(name="six", address=Address(host="::1", port=0)),
        Vm(name="six-shared", address=Address(host="::", port=0), source="::1"),
    )
    named = "/metadata/instance/compute/name?api-version=2021-02-01&format=text"
    with serve_in_thread(machines) as served:
        assert served.url("first") == served.url("second")
        assert served.url("six").startswith("http://[::1]:")
        served.control.give("schedule", type="Reboot", vms=["first"])
        for vm in machines:
            base = served.url(vm.name).replace("[::]", "[::1]")
            source = vm.source if vm.source and "." in vm.source else None
            assert ask(base, named, source=source).body.decode() == vm.name
            seen = ask(base, EVENTS, source=source).content["Events"]
            assert [event["Resources"] for event in seen] == ([["first"]] if vm.name == "first" else [])
        stranger = ask(served.url("first"), named, source="127.0.0.13")
        assert (stranger.status, stranger.content) == (404, {"error": "No VM has the address 127.0.0.13"})


@pytest.mark.parametrize("when", ["30m", "2030-01-31T12:30:00Z"])
def test_trigger_at_time_and_delay(emulator: ServedEmulator, when: str) -> None:
    """Case 98: a delay and an RFC 3339 instant are both honoured to the second under virtual time."""
    schedule(emulator, in_=when)

    def status() -> str:
        return str(events(emulator.url("vm1"))["Events"][0]["EventStatus"])

    emulator.control.give("advance", by="29m59s")
    assert status() == "Scheduled"
    emulator.control.give("advance", by="1s")
    assert status() == "Started"


def test_date_follows_the_scenario(emulator: ServedEmulator) -> None:
    """The Date header shows the scenario's time on every answer, also when the clock is manual."""
    emulator.control.give("advance", by="1h")
    expected = "Thu, 31 Jan 2030 13:00:00 GMT"
    paths = (EVENTS, "/metadata/v1/InstanceInfo", "/nothing")
    assert {ask(emulator.url("vm1"), path).headers["date"] for path in paths} == {expected}
    assert {ask(emulator.control_url, path).headers["date"] for path in ("/events", "/nothing")} == {expected}


def test_control_and_metadata_keep_apart(emulator: ServedEmulator) -> None:
    """The control path is on its own address only, and the metadata service is not on it."""
    assert ask(emulator.url("vm1"), "/events").status == 404
    assert ask(emulator.url("vm1"), "/schedule", method="POST", body=b"{}").status == 404
    assert ask(emulator.control_url, EVENTS).status == 404
    assert ask(emulator.control_url, "/metadata/v1/InstanceInfo").status == 404


def test_events_need_no_poller_to_pass() -> None:
    """On the real clock an event starts and ends on time although nobody asks in between."""
    with serve_in_thread(vms("vm1"), clock=ClockKind.REAL) as served:
        served.control.give("schedule", type="Reboot", vms=["vm1"], in_="10ms", lasts="10ms")
        deadline = datetime.now(UTC) + timedelta(seconds=5)  # noqa: TID251 - the real clock is under test
        while events(served.url("vm1"))["Events"]:
            assert datetime.now(UTC) < deadline  # noqa: TID251
        assert events(served.url("vm1"))["DocumentIncarnation"] == 4


def test_unchanged_document_on_the_wire(emulator: ServedEmulator) -> None:
    """With If-None-Match the connection carries a 304 without a body, and stays usable."""
    tag = ask(emulator.url("vm1"), EVENTS).headers["etag"]
    reply = ask(emulator.url("vm1"), EVENTS, headers={**METADATA, "If-None-Match": tag})
    assert (reply.status, reply.body, reply.headers["etag"]) == (304, b"", tag)
    assert "content-length" not in reply.headers


def test_scenario_goes_on_in_a_second_emulator(tmp_path: Path) -> None:
    """A state directory carries a scenario from one emulator to the next, its clock included."""
    topology = Topology(vms=vms("vm1"))
    config = ServeConfig(topology=topology, clock=ClockKind.MANUAL, starts_at=NOON, state=tmp_path)
    with serve_in_thread(config) as first:
        first.control.give("schedule", type="Reboot", vms=["vm1"], in_="5m")
        first.control.give("advance", by="5m")
        before = events(first.url("vm1"))
    with serve_in_thread(replace(config, starts_at=None)) as second:
        assert events(second.url("vm1")) == before
        assert second.control.show("clock")["now"] == "2030-01-31T12:05:00Z"
    with pytest.raises(BrokenLog, match="expected a scenario on a real clock"):
        serve_in_thread(replace(config, clock=ClockKind.REAL))


def test_answers_do_not_wait_for_acknowledgements(emulator: ServedEmulator) -> None:
    """On one kept-alive connection answers follow each other with no pause in between."""
    parts = urlsplit(emulator.url("vm1"))
    assert parts.hostname is not None
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)
    begun = monotonic()
    for _ in range(100):
        connection.request("GET", EVENTS, headers=METADATA)
        assert connection.getresponse().read()
    connection.close()
    assert monotonic() - begun < 3.5  # with pauses of 40 ms it would be 4 s at least
