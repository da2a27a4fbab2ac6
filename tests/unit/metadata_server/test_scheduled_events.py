"""Scheduled Events, question by question."""

import json
from typing import Any

import pytest

from metadata_server.commands import Approve, Command, Start
from metadata_server.imds.exchange import Answer
from metadata_server.imds.scheduled_events import VERSIONS
from metadata_server.imds.service import respond
from metadata_server.scenario import EventType
from metadata_server.world import World
from tests.unit.metadata_server.builders import A, B, ask, schedule, world

PATH = "/metadata/scheduledevents"
NEWEST = f"{PATH}?api-version=2020-07-01"
OLD = ["EventId", "EventStatus", "EventType", "ResourceType", "Resources", "NotBefore"]


def document(answer: Answer) -> dict[str, Any]:
    assert answer.status == 200
    content: dict[str, Any] = json.loads(answer.body)
    return content


def approve(here: World, *ids: str, vm: str = "web1") -> Answer:
    body = json.dumps({"StartRequests": [{"EventId": event_id} for event_id in ids]}).encode()
    return respond(ask(NEWEST, method="POST", body=body, vm=vm), here)


def statuses(here: World) -> list[str]:
    return [event.status.value for event in here.timeline().document("web1").events]


@pytest.mark.parametrize("version", VERSIONS)
def test_each_version_shows_the_members_it_had(version: str) -> None:
    """Description, EventSource and DurationInSeconds appear with the version that brought them."""
    [event] = document(respond(ask(f"{PATH}?api-version={version}"), world(schedule())))["Events"]
    added = {
        "2019-04-01": ["Description"],
        "2019-08-01": ["EventSource"],
        "2020-07-01": ["DurationInSeconds"],
    }
    expected = OLD + [name for since, names in added.items() if version >= since for name in names]
    assert list(event) == expected
    assert event["Resources"] == (["_web1"] if version == "2017-03-01" else ["web1"])


@pytest.mark.parametrize(
    ("version", "old_versions", "expected"),
    [
        ("2017-08-01", "hide", ["Reboot"]),
        ("2017-11-01", "hide", ["Reboot", "Preempt"]),
        ("2019-01-01", "hide", ["Reboot", "Preempt", "Terminate"]),
        ("2017-08-01", "show", ["Reboot", "Preempt", "Terminate"]),
    ],
)
def test_types_newer_than_the_version(version: str, old_versions: str, expected: list[str]) -> None:
    """A version older than a type leaves its events out, unless the switch shows them."""
    ids = ("A" * 8, "B" * 8, "C" * 8)
    kinds = (EventType.REBOOT, EventType.PREEMPT, EventType.TERMINATE)
    events = [schedule(event_id, type=kind) for event_id, kind in zip(ids, kinds, strict=True)]
    here = world(*events, old_versions=old_versions)
    shown = document(respond(ask(f"{PATH}?api-version={version}"), here))["Events"]
    assert [event["EventType"] for event in shown] == expected


@pytest.mark.parametrize("query", ["", "?api-version=", "?api-version=latest", "?api-version=2019-06-01"])
def test_versions_of_its_own(query: str) -> None:
    """Without a version, or with one that only instance metadata has, the platform's refusal comes back."""
    answer = respond(ask(PATH + query), world())
    assert answer.status == 400
    assert json.loads(answer.body)["newest-versions"] == ["2025-04-07", "2024-07-17", "2024-03-15"]


def test_one_version_may_be_refused() -> None:
    """With its switch, 2017-11-01 is answered with 400 and its neighbours are not."""
    here = world(version_2017_11_01="refused")
    asked = [respond(ask(f"{PATH}?api-version={version}"), here).status for version in VERSIONS]
    assert asked == [200, 200, 400, 200, 200, 200, 200]


@pytest.mark.parametrize(
    ("style", "expected"),
    [
        ("rfc1123", "Thu, 31 Jan 2030 12:15:00 GMT"),
        ("wrong-weekday", "Fri, 31 Jan 2030 12:15:00 GMT"),
        ("iso8601", "2030-01-31T12:15:00Z"),
    ],
)
def test_not_before_is_written(style: str, expected: str) -> None:
    """NotBefore follows its switch while Scheduled and is blank once Started."""
    here = world(schedule(), not_before=style)
    assert document(respond(ask(NEWEST), here))["Events"][0]["NotBefore"] == expected
    approve(here, A)
    assert document(respond(ask(NEWEST), here))["Events"][0]["NotBefore"] == ""


@pytest.mark.parametrize(("case", "expected"), [("same", "web1"), ("upper", "WEB1"), ("lower", "web1")])
def test_case_of_resources(case: str, expected: str) -> None:
    """Names in Resources are spelt as their switch says."""
    [event] = document(respond(ask(NEWEST), world(schedule(), resources_case=case)))["Events"]
    assert event["Resources"] == [expected]


@pytest.mark.parametrize(("start", "expected"), [("1", [1, 2]), ("0", [0, 1])])
def test_incarnation_begins_where_the_switch_says(start: str, expected: list[int]) -> None:
    """The empty document has the first incarnation, an event the next."""
    worlds = (world(incarnation_start=start), world(schedule(), incarnation_start=start))
    assert [document(respond(ask(NEWEST), here))["DocumentIncarnation"] for here in worlds] == expected


@pytest.mark.parametrize("tag", ['"2"', 'W/"2"', '"1", "2"'])
def test_unchanged_document_is_not_sent_again(tag: str) -> None:
    """If-None-Match with the present ETag is answered with 304 and no body."""
    here = world(schedule())
    answer = respond(ask(NEWEST, If_None_Match=tag), here)
    assert (answer.status, answer.body, answer.headers) == (304, b"", (("ETag", '"2"'),))
    assert respond(ask(NEWEST, If_None_Match='"1"'), here).status == 200


def test_etag_may_be_unknown() -> None:
    """With its switch off there is no ETag, and If-None-Match means nothing."""
    answer = respond(ask(NEWEST, If_None_Match='"2"'), world(schedule(), etag="off"))
    assert (answer.status, answer.headers) == (200, ())


def test_approval_starts_the_event_for_all() -> None:
    """A StartRequests by any VM that sees the event starts it, with no body in answer."""
    here = world(schedule(vms=("web1", "web2")))
    answer = approve(here, A.lower(), vm="web2")
    assert (answer.status, answer.body) == (200, b"")
    assert statuses(here) == ["Started"]


def test_approval_of_several_events() -> None:
    """One StartRequests may name several events."""
    here = world(schedule(), schedule(B))
    assert approve(here, A, B).status == 200
    assert statuses(here) == ["Started", "Started"]


def test_approval_may_answer_with_the_document() -> None:
    """With its switch, the answer to a StartRequests is the document as it is then."""
    answer = approve(world(schedule(), ack_body="document"), A)
    assert document(answer)["Events"][0]["EventStatus"] == "Started"


ACKS: list[tuple[str, dict[str, str], list[Command], str, int]] = [
    ("unknown id", {}, [], B, 400),
    ("unknown id, lenient", {"ack_unknown": "200"}, [], B, 200),
    ("approved already", {"approval_delay": "5m"}, [Approve(at=schedule().at, id=A, vm="web2")], A, 200),
    ("started", {}, [Start(at=schedule().at, id=A)], A, 200),
    ("started, strict", {"ack_started": "400"}, [Start(at=schedule().at, id=A)], A, 400),
]


@pytest.mark.parametrize(
    ("switches", "more", "event_id", "expected"), [row[1:] for row in ACKS], ids=[r[0] for r in ACKS]
)
def test_approval_status(switches: dict[str, str], more: list[Command], event_id: str, expected: int) -> None:
    """Any valid id is answered with 200, whoever approved before; open questions follow their switches."""
    assert approve(world(schedule(), *more, also=switches), event_id).status == expected


def test_approval_by_a_vm_that_does_not_see_the_event() -> None:
    """A VM outside the set cannot approve the set's event."""
    here = world(schedule())
    assert approve(here, A, vm="lone").status == 400
    assert statuses(here) == ["Scheduled"]


def test_refused_approval_approves_nothing() -> None:
    """One unknown id among several leaves all of them as they were."""
    here = world(schedule())
    assert approve(here, A, B).status == 400
    assert statuses(here) == ["Scheduled"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"StartRequests":[]}',
        b'{"StartRequests":{}}',
        b'{"StartRequests":[{}]}',
        b'{"StartRequests":["A"]}',
        b'{"StartRequests":[{"EventId":1}]}',
        b"\xff",
    ],
)
def test_malformed_approval(body: bytes) -> None:
    """What is no StartRequests document is answered with 400."""
    assert respond(ask(NEWEST, method="POST", body=body), world(schedule())).status == 400


def test_old_approval_form() -> None:
    """An approval that carries the incarnation and a form content type, as older clients do, is taken."""
    body = json.dumps({"DocumentIncarnation": 2, "StartRequests": [{"EventId": A}]}).encode()
    form = "application/x-www-form-urlencoded"
    here = world(schedule())
    assert respond(ask(NEWEST, method="POST", body=body, Content_Type=form), here).status == 200
    assert statuses(here) == ["Started"]


@pytest.mark.parametrize("method", ["PUT", "DELETE", "HEAD", "PATCH"])
def test_other_methods(method: str) -> None:
    """Only GET and POST are known here."""
    answer = respond(ask(NEWEST, method=method), world())
    assert (answer.status, answer.headers) == (405, (("Allow", "GET, POST"),))


def test_errors_may_have_no_body() -> None:
    """With its switch, a refusal here is a bare status."""
    here = world(events_errors="empty")
    assert respond(ask(PATH), here).body == b""
    assert respond(ask(NEWEST, Metadata=""), here).body == b""
    assert respond(ask(NEWEST), here).body != b""
