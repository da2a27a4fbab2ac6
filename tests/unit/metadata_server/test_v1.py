"""The 2015 documents, to the byte."""

import json

import pytest

from metadata_server.commands import Command, Start
from metadata_server.imds.service import respond
from metadata_server.scenario import EventType
from metadata_server.topology import Topology, Vm
from tests.unit.metadata_server.builders import ANYWHERE, A, ask, at, schedule, world

INFO = "/metadata/v1/InstanceInfo"
MAINTENANCE = "/metadata/v1/maintenance"
SEED = Topology(vms=(Vm(name="myInstanceVM1", address=ANYWHERE),))
IDLE = '{“ID":"myInstanceVM1","UD":"0","FD":"0"}'
REBOOT = '{“ID”:”myInstanceVM1","UD":"0","FD":"0","Reboot"}'
TIMES: list[tuple[str, float, list[Command], bool]] = [
    ("six minutes before", 9, [], False),
    ("five minutes before", 10, [], True),
    ("one minute before", 14, [], True),
    ("started", 15, [], True),
    ("still started", 24.9, [], True),
    ("gone", 25, [], False),
    ("started early", 1, [Start(at=at(1), id=A)], True),
]


def body(url: str, *commands: Command, minute: float = 14, vm: str = "myInstanceVM1", **switches: str) -> str:
    here = world(*commands, topology=SEED, minute=minute, also=switches)
    answer = respond(ask(url, vm=vm, Metadata=""), here)
    assert answer.status == 200
    return answer.body.decode()


@pytest.mark.parametrize(
    ("minute", "more", "marked"), [row[1:] for row in TIMES], ids=[row[0] for row in TIMES]
)
def test_instance_info_as_the_post_prints_it(minute: float, more: list[Command], marked: bool) -> None:
    """The marker appears five minutes before a reboot and stays until it is over, byte for byte."""
    announced = schedule(vms=("myInstanceVM1",))
    assert body(INFO, announced, *more, minute=minute) == (REBOOT if marked else IDLE)


@pytest.mark.parametrize(
    ("value", "expected"), [("true", True), ("empty", ""), ("id", A)], ids=["true", "empty", "id"]
)
def test_instance_info_as_json(value: str, expected: object) -> None:
    """With v1=json the same content is valid JSON, the value of Reboot as its switch says."""
    announced = schedule(vms=("myInstanceVM1",))
    plain = {"ID": "myInstanceVM1", "UD": "0", "FD": "0"}
    shown = body(INFO, announced, v1="json", v1_reboot_value=value)
    assert json.loads(shown) == {**plain, "Reboot": expected}
    assert json.loads(body(INFO, v1="json")) == plain


@pytest.mark.parametrize("form", ["seed", "json"])
def test_id_may_carry_an_underscore(form: str) -> None:
    """With its switch, the ID begins with the underscore that real answers had."""
    assert '"_myInstanceVM1"' in body(INFO, v1=form, v1_id="underscore")


@pytest.mark.parametrize("url", [INFO, MAINTENANCE])
def test_marker_may_leave_at_start(url: str) -> None:
    """With its switch, a Started reboot is no longer announced."""
    announced = schedule(vms=("myInstanceVM1",))
    idle = {INFO: IDLE, MAINTENANCE: "{}"}[url]
    assert body(url, announced, minute=15, v1_marker="leaves") == idle
    assert body(url, announced, minute=14, v1_marker="leaves") != idle


@pytest.mark.parametrize(
    ("kind", "types", "marked"),
    [
        (EventType.REBOOT, "reboot", True),
        (EventType.REDEPLOY, "reboot", False),
        (EventType.REDEPLOY, "redeploy", True),
        (EventType.FREEZE, "redeploy", False),
        (EventType.PREEMPT, "redeploy", False),
    ],
)
def test_only_reboots_are_announced(kind: EventType, types: str, marked: bool) -> None:
    """The marker says Reboot; whether a Redeploy counts as one follows its switch."""
    announced = schedule(vms=("myInstanceVM1",), type=kind)
    assert body(INFO, announced, v1_types=types) == (REBOOT if marked else IDLE)


def test_maintenance_document() -> None:
    """The maintenance document gives the id and the creation time, month first, slashes escaped."""
    announced = schedule(vms=("myInstanceVM1",))
    expected = f'{{"EventID":"{A}","EventCreationTime":"1\\/31\\/2030 12:00:00 PM"}}'
    assert body(MAINTENANCE, announced) == expected
    assert json.loads(expected)["EventCreationTime"] == "1/31/2030 12:00:00 PM"
    assert body(MAINTENANCE, announced, minute=0) == "{}"


def test_others_reboots_are_not_announced() -> None:
    """A VM of the same set that is not named sees no marker."""
    answer = respond(ask(INFO, vm="web2"), world(schedule(), minute=14))
    assert b"Reboot" not in answer.body


@pytest.mark.parametrize(
    ("path", "method", "switches", "expected"),
    [
        ("/metadata/v1/other", "GET", {}, 404),
        ("/metadata/v1", "GET", {}, 404),
        (f"{INFO}/ID", "GET", {}, 404),
        (INFO, "GET", {"v1_service": "off"}, 404),
        (INFO, "POST", {}, 405),
    ],
)
def test_errors(path: str, method: str, switches: dict[str, str], expected: int) -> None:
    """Other paths and methods are refused, with or without a body as the switch says."""
    question = ask(path, method=method)
    answer = respond(question, world(also=switches))
    assert (answer.status, bool(answer.body)) == (expected, True)
    bare = respond(question, world(also=switches, v1_errors="empty"))
    assert (bare.status, bare.body) == (expected, b"")
