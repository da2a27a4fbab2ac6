"""The HTTP control path: its views, its refusals, its description of itself."""

import json
from collections.abc import Iterator

import pytest
from openapi_spec_validator import validate

from metadata_server.cli.vmoption import parse_vm
from metadata_server.config import ClockKind
from metadata_server.control.client import ControlClient
from metadata_server.control.verbs import VERBS
from metadata_server.errors import BadInput, Conflict, EmulatorError, Unknown
from metadata_server.testing import ServedEmulator, serve_in_thread, vms
from tests.wire.metadata_server.wire import ask

VIEWS = [
    "/events",
    "/clock",
    "/vms",
    "/switches",
    "/faults",
    "/balancers",
    "/arm",
    "/arm-faults",
    "/requests",
    "/openapi.json",
]


@pytest.fixture(scope="module")
def emulator() -> Iterator[ServedEmulator]:
    with serve_in_thread(vms("vm1", "vm2", set="web")) as served:
        yield served


def test_openapi_is_valid_and_complete(emulator: ServedEmulator) -> None:
    """The path describes itself in valid OpenAPI: every verb and every view, with each verb's fields."""
    document = emulator.control.show("openapi.json")
    validate(document)
    assert {f"/{verb.name}" for verb in VERBS} | set(VIEWS) - {"/openapi.json"} == set(document["paths"])
    fields = document["paths"]["/schedule"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert fields["required"] == ["type", "vms"]
    assert set(fields["properties"]) == {
        "type",
        "vms",
        "in",
        "duration",
        "lasts",
        "source",
        "description",
        "id",
    }


@pytest.mark.parametrize("path", VIEWS)
def test_views_are_read_only(emulator: ServedEmulator, path: str) -> None:
    """A view answers GET with JSON and refuses POST, naming the method that works."""
    assert isinstance(ask(emulator.control_url, path).content, dict)
    refused = ask(emulator.control_url, path, method="POST", body=b"{}")
    assert (refused.status, refused.content["problems"][0]["expected"]) == (405, f"GET {path}")


@pytest.mark.parametrize("verb", [verb.name for verb in VERBS])
def test_verbs_take_posts_only(emulator: ServedEmulator, verb: str) -> None:
    """A verb is given by POST; a GET changes nothing and says so."""
    refused = ask(emulator.control_url, f"/{verb}")
    assert (refused.status, refused.content["problems"][0]["expected"]) == (405, f"POST /{verb}")


@pytest.mark.parametrize("body", [b"{", b"[]", b'"x"', b"\xff", b"[" * 100_000, b'{"vm": NaN}'])
def test_what_is_no_json_object(emulator: ServedEmulator, body: bytes) -> None:
    """A body that is no JSON object is refused with what was expected."""
    refused = ask(emulator.control_url, "/mend", method="POST", body=body)
    assert (refused.status, refused.content["kind"]) == (400, "bad_input")
    assert refused.content["problems"][0]["field"] == "body"
    assert refused.content["problems"][0]["expected"] == "a JSON object"


def test_half_a_character_goes_back_as_it_came(emulator: ServedEmulator) -> None:
    """A name that UTF-8 cannot spell is refused as any other is."""
    refused = ask(emulator.control_url, "/mend", method="POST", body=b'{"\\ud800": 1}')
    assert (refused.status, refused.content["problems"][0]["field"]) == (400, "\ud800")


@pytest.mark.parametrize(
    ("verb", "fields", "error", "status"),
    [
        ("schedule", {}, BadInput, 400),
        ("start", {"id": "A" * 8 + "-0000-0000-0000-" + "A" * 12}, Unknown, 404),
        ("mend", {"vm": "nobody"}, Unknown, 404),
        ("complete", {"id": ""}, BadInput, 400),
        ("fault", {"vm": "vm1", "kind": "redirect", "location": "http://a/\n"}, BadInput, 400),
        ("fault", {"vm": "vm1", "kind": "reset", "location": "http://ü/"}, BadInput, 400),
        ("arm-fault", {"kind": "redirect", "location": "http://ü/"}, BadInput, 400),
        ("arm-fault", {"kind": "fail", "vm": "nobody"}, Unknown, 404),
    ],
)
def test_refusals(
    emulator: ServedEmulator, verb: str, fields: dict[str, object], error: type[EmulatorError], status: int
) -> None:
    """A refusal has its status, and reaches a caller of the client as the error it is."""
    with pytest.raises(error) as caught:
        emulator.control.give(verb, **fields)
    assert caught.value.problems
    body = json.dumps(fields).encode()
    assert ask(emulator.control_url, f"/{verb}", method="POST", body=body).status == status


def test_refusal_names_field_expected_and_found(emulator: ServedEmulator) -> None:
    """A wrong field is named, with what was expected and what was found, for programs and for people."""
    body = b'{"type": "Party", "vms": ["vm1"]}'
    refused = ask(emulator.control_url, "/schedule", method="POST", body=body).content
    expected = "one of Freeze, Reboot, Redeploy, Preempt, Terminate"
    assert refused == {
        "error": f"type: expected {expected}, found 'Party'",
        "kind": "bad_input",
        "problems": [{"field": "type", "expected": expected, "found": "'Party'"}],
    }


def test_unknown_paths_name_the_known(emulator: ServedEmulator) -> None:
    """A path that is not there is answered with all that are."""
    lost = ask(emulator.control_url, "/nothing")
    assert (lost.status, lost.content["problems"][0]["found"]) == (404, "GET /nothing")
    assert "POST /schedule" in lost.content["error"]


def test_list_may_show_what_is_gone(emulator: ServedEmulator) -> None:
    """Events that are over are listed on demand only, and any other demand is refused."""
    event_id = emulator.control.give("schedule", type="Reboot", vms=["vm1"])["id"]
    emulator.control.give("cancel", id=event_id)
    assert emulator.control.show("events")["events"] == []
    assert event_id in [event["id"] for event in emulator.control.show("events?gone=shown")["events"]]
    with pytest.raises(BadInput, match="gone: expected hidden or shown"):
        emulator.control.show("events?gone=maybe")


def test_views_show_the_scenario(emulator: ServedEmulator) -> None:
    """The views name each VM with its URL, each switch with its values, and whose clock it is."""
    shown = {vm["name"]: vm["url"] for vm in emulator.control.show("vms")["vms"]}
    assert shown == {name: emulator.url(name) for name in ("vm1", "vm2")}
    assert emulator.control.show("clock")["clock"] == "manual"
    [v1] = [switch for switch in emulator.control.show("switches")["switches"] if switch["name"] == "v1"]
    assert (v1["value"], v1["takes"]) == ("seed", "seed or json")
    changed = [emulator.control.give("switch", name="v1", value=value)["value"] for value in ("json", "seed")]
    assert changed == ["json", "seed"]


def test_time_stands_still_only_on_a_manual_clock() -> None:
    """advance is refused where the clock is real."""
    with serve_in_thread(vms("vm1"), clock=ClockKind.REAL) as served:
        with pytest.raises(Conflict, match="clock: expected manual, found real"):
            served.control.give("advance", by="1s")
        assert served.control.show("clock")["clock"] == "real"


def test_client_meets_no_control_path(emulator: ServedEmulator) -> None:
    """A client that is pointed elsewhere says so instead of misreading what answers."""
    with pytest.raises(ConnectionError, match="not a control path"):
        ControlClient(emulator.url("vm1")).show("metadata/v1/InstanceInfo")
    with pytest.raises(BadInput, match="a URL such as"):
        ControlClient("127.0.0.1:9000")
    with pytest.raises(ConnectionError, match="not a control path"):
        ControlClient(emulator.url("vm1")).show("events")


def test_an_address_in_use_stops_the_start(emulator: ServedEmulator) -> None:
    """An address that somebody else has is an error at start, and nothing is left open."""
    taken = emulator.url("vm1").removeprefix("http://")
    with pytest.raises(OSError, match="in use"):
        serve_in_thread([parse_vm(f"vm1={taken}")])
