"""The controller's verbs: what they do, and what they refuse."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from metadata_server.control.fields import read
from metadata_server.control.openapi import document
from metadata_server.control.verbs import VERBS
from metadata_server.errors import BadInput, Conflict, EmulatorError, Unknown
from metadata_server.scenario import EventType
from metadata_server.topology import Address, Member, Pool, Topology
from metadata_server.world import World
from tests.unit.metadata_server.builders import LONE, TOPOLOGY, WEB1, WEB2, A, B, at, schedule, world

_VERBS = {verb.name: verb for verb in VERBS}


def give(here: World, verb: str, **fields: Any) -> dict[str, Any]:
    """What the verb answers; `in_` stands for `in`."""
    named = {name.rstrip("_"): value for name, value in fields.items()}
    reply: dict[str, Any] = _VERBS[verb].act(here, read(_VERBS[verb].fields, named))
    return reply


def refused(here: World, verb: str, **fields: Any) -> EmulatorError:
    with pytest.raises(EmulatorError) as caught:
        give(here, verb, **fields)
    return caught.value


@pytest.mark.parametrize(
    ("kind", "minutes", "interruption"),
    [
        ("Freeze", 15, 9),
        ("Reboot", 15, -1),
        ("Redeploy", 10, -1),
        ("Preempt", 0.5, -1),
        ("Terminate", 5, -1),
    ],
)
def test_usual_notice(kind: str, minutes: float, interruption: int) -> None:
    """Without further words an event has its type's usual notice and comes from the platform."""
    reply = give(world(), "schedule", type=kind.lower(), vms=["web1"])
    assert reply["type"] == EventType(kind)
    assert reply["not_before"] == at(minutes).isoformat().replace("+00:00", "Z")
    assert (reply["duration_s"], reply["lasts_s"], reply["source"]) == (interruption, 600.0, "Platform")
    assert reply["id"] == reply["id"].upper()


def test_every_word_of_schedule() -> None:
    """Each field of schedule is found again in the event."""
    reply = give(
        world(),
        "schedule",
        type="Reboot",
        vms=["web2", "web1"],
        in_="2030-01-31T14:00:00+01:00",
        duration="30s",
        lasts="1m",
        source="user",
        description="because",
        id=A.lower(),
    )
    assert reply == {
        "id": A,
        "type": "Reboot",
        "status": "Scheduled",
        "vms": ["web2", "web1"],
        "scope": "set web",
        "source": "User",
        "description": "because",
        "duration_s": 30,
        "lasts_s": 60.0,
        "announced_at": "2030-01-31T12:00:00Z",
        "not_before": "2030-01-31T13:00:00Z",
        "approved_by": [],
        "started_at": None,
        "ended_at": None,
    }


def test_user_events_say_so() -> None:
    """An event that a user asked for carries the platform's words for it."""
    assert (
        "authorized user"
        in give(world(), "schedule", type="Reboot", vms=["web1"], source="User")["description"]
    )


@pytest.mark.parametrize(("text", "expected"), [("unknown", -1), ("-1", -1), ("0s", 0), ("1m", 60)])
def test_interruption(text: str, expected: int) -> None:
    """The announced interruption is a duration, nothing, or unknown."""
    assert give(world(), "schedule", type="Reboot", vms=["web1"], duration=text)["duration_s"] == expected


def test_failure_hits_each_set_apart() -> None:
    """A node failure gives every set that is hit one Reboot, Started at once."""
    reply = give(world(), "fail", vms=["web1", "lone", "web2"])
    assert [event["vms"] for event in reply["events"]] == [["web1", "web2"], ["lone"]]
    assert {event["status"] for event in reply["events"]} == {"Started"}


def test_change_keeps_the_id_and_what_is_not_named() -> None:
    """change moves or rewrites a Scheduled event under its id, and leaves the rest of it alone."""
    here = world(schedule(), minute=5)
    moved = give(here, "change", id=A, in_="5m")
    assert (moved["not_before"], moved["type"]) == ("2030-01-31T12:10:00Z", "Reboot")
    milder = give(
        here, "change", id=A, type="Freeze", duration="9s", description="", in_="2030-01-31T12:30:00Z"
    )
    found = (milder["type"], milder["duration_s"], milder["description"], milder["not_before"])
    assert found == ("Freeze", 9, "", "2030-01-31T12:30:00Z")
    assert here.timeline().document("web1").changes == 3


def test_life_by_hand() -> None:
    """start and complete, or cancel, lead an event through its life."""
    here = world(schedule(), schedule(B))
    assert give(here, "start", id=A)["status"] == "Started"
    assert give(here, "complete", id=A)["status"] == "Completed"
    assert give(here, "cancel", id=B)["status"] == "Cancelled"
    assert here.timeline().events == ()


def test_approve_as_any_vm_that_sees_it() -> None:
    """Whoever sees the event may approve it; without a name it is the first that it names."""
    here = world(schedule(), schedule(B))
    assert give(here, "approve", id=A)["approved_by"] == ["web1"]
    assert give(here, "approve", id=B, vm="web2")["approved_by"] == ["web2"]


NOT_NOW: list[tuple[str, dict[str, Any], type[EmulatorError], str]] = [
    ("start", {"id": B}, Unknown, "id"),
    ("complete", {"id": A}, Conflict, "id"),
    ("schedule", {"type": "Reboot", "vms": ["web1"], "id": A}, Conflict, "id"),
    ("schedule", {"type": "Reboot", "vms": ["nobody"]}, Unknown, "vms"),
    ("schedule", {"type": "Reboot", "vms": ["web1", "lone"]}, BadInput, "vms"),
    ("fail", {"vms": ["nobody"]}, Unknown, "vms"),
    ("approve", {"id": A, "vm": "lone"}, BadInput, "vm"),
    ("approve", {"id": A, "vm": "nobody"}, Unknown, "vm"),
    ("reset", {"vm": "nobody"}, Unknown, "vm"),
    ("switch", {"name": "nothing", "value": "on"}, Unknown, "name"),
    ("switch", {"name": "v1", "value": "on"}, BadInput, "v1"),
    ("fault", {"vm": "web1", "kind": "status"}, BadInput, "status"),
    ("fault", {"vm": "web1", "kind": "delay"}, BadInput, "delay"),
    ("leave", {"vm": "web1", "pool": "nothing"}, Unknown, "pool"),
]


@pytest.mark.parametrize(("verb", "fields", "kind", "field"), NOT_NOW)
def test_what_the_scenario_does_not_allow(
    verb: str, fields: dict[str, Any], kind: type[EmulatorError], field: str
) -> None:
    """A command that does not fit the scenario is refused with the field concerned, and changes nothing."""
    here = world(schedule())
    before = here.timeline()
    error = refused(here, verb, **fields)
    assert (type(error), [problem.field for problem in error.problems]) == (kind, [field])
    assert here.timeline() == before


@pytest.mark.parametrize("verb", ["start", "complete", "cancel", "approve", "change"])
def test_what_is_over_stays_over(verb: str) -> None:
    """An event that is gone cannot be started, completed, cancelled or approved."""
    here = world(schedule())
    give(here, "cancel", id=A)
    error = refused(here, verb, id=A)
    assert isinstance(error, Conflict)
    assert "Cancelled" in str(error)


MALFORMED: list[tuple[str, Any, list[str]]] = [
    ("schedule", [], ["body"]),
    ("schedule", {}, ["type", "vms"]),
    (
        "schedule",
        {"type": "Party", "vms": "web1", "in": "soon", "lasts": "0s"},
        ["type", "vms", "in", "lasts"],
    ),
    ("schedule", {"type": 1, "vms": [], "colour": "red"}, ["type", "vms", "colour"]),
    ("schedule", {"type": "Reboot", "vms": ["web1", "web1"], "in": 5}, ["vms", "in"]),
    ("schedule", {"type": "Reboot", "vms": [""], "duration": "long"}, ["vms", "duration"]),
    ("schedule", {"type": "Reboot", "vms": ["web1"], "id": "x", "description": 1}, ["id", "description"]),
    ("start", {"id": None}, ["id"]),
    ("advance", {"by": "-1s"}, ["by"]),
    ("fault", {"vm": "web1", "kind": "status", "status": 600}, ["status"]),
    ("fault", {"vm": "web1", "kind": "status", "status": True}, ["status"]),
    ("fault", {"vm": "web1", "kind": "html", "path": "x"}, ["path"]),
    ("fault", {"vm": "web1", "kind": "status", "status": "x" * 200}, ["status"]),
]


@pytest.mark.parametrize(("verb", "body", "fields"), MALFORMED)
def test_malformed_requests(verb: str, body: Any, fields: list[str]) -> None:
    """Every wrong field of a request is named, with what was expected and what was found."""
    with pytest.raises(BadInput) as caught:
        read(_VERBS[verb].fields, body)
    assert [problem.field for problem in caught.value.problems] == fields
    assert all(problem.expected and len(problem.found) <= 80 for problem in caught.value.problems)


GOOD: list[tuple[str, dict[str, Any]]] = [
    ("schedule", {"type": "Reboot", "vms": ["web1"], "in": "5m", "duration": "unknown", "id": A}),
    ("schedule", {"type": "Freeze", "vms": ["web1"], "in": "2030-01-31T12:00:00Z", "lasts": "1m30s"}),
    ("advance", {"by": "5m"}),
    ("fault", {"vm": "web1", "kind": "delay", "delay": "100ms", "path": "/metadata"}),
    ("fault", {"vm": "web1", "kind": "status", "status": 503}),
    ("approve", {"id": A}),
    ("mend", {"vm": "web1"}),
]


@pytest.mark.parametrize(("verb", "body"), GOOD)
def test_schema_and_reader_agree_on_good_requests(verb: str, body: dict[str, Any]) -> None:
    """What the published schema takes, the reader takes."""
    read(_VERBS[verb].fields, body)
    assert list(_validator(verb).iter_errors(body)) == []


@pytest.mark.parametrize(("verb", "body", "fields"), MALFORMED)
def test_schema_and_reader_agree_on_bad_requests(verb: str, body: Any, fields: list[str]) -> None:
    """What the reader refuses, the published schema refuses, the length of time aside."""
    assert fields
    assert list(_validator(verb).iter_errors(body)) != []


def _validator(verb: str) -> Draft202012Validator:
    operation = document()["paths"][f"/{verb}"]["post"]
    return Draft202012Validator(operation["requestBody"]["content"]["application/json"]["schema"])


def test_reset_counts_anew() -> None:
    """After reset the incarnation of that scope is the first again, with the same events."""
    here = world(schedule())
    assert give(here, "reset", vm="web2") == {"scope": "set web"}
    document = here.timeline().document("web1")
    assert (document.changes, len(document.events)) == (0, 1)


def test_pools_and_hosts() -> None:
    """leave and join act on the named pool or on all that the topology has the VM in."""
    member = Member(vm="web1", address=Address(host="127.0.0.1", port=80))
    pools = (Pool(name="a", members=(member,)), Pool(name="b", members=(member,)), Pool(name="c", members=()))
    here = world(topology=Topology(vms=(WEB1, WEB2, LONE), pools=pools))
    assert give(here, "leave", vm="web1")["pools"] == ["a", "b"]
    assert give(here, "join", vm="web1", pool="b")["pools"] == ["b"]
    assert here.timeline().left == {("a", "web1")}
    give(here, "silence", vm="web1")
    assert here.timeline().silent == {"web1"}
    give(here, "unsilence", vm="web1")
    assert here.timeline().silent == frozenset()
    assert TOPOLOGY.pools == ()
