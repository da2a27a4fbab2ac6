"""The Scheduled Events document as a table: what is read, what is forgiven, what is unreadable."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drainer.core.model import At, Blank, Event, EventSource, EventStatus, Garbled, NotBefore, Unreadable
from drainer.core.naming import names_vm
from drainer.sources.events import Listing, parse_scheduled_events
from drainer.sources.not_before import read_not_before
from tests.unit.sources.pace import unhurried

REBOOT: dict[str, Any] = {
    "EventId": "C7061BAC-AFDC-4513-B24B-AA5F13A16123",
    "EventStatus": "Scheduled",
    "EventType": "Reboot",
    "ResourceType": "VirtualMachine",
    "Resources": ["vm1", "vm2"],
    "NotBefore": "Mon, 11 Apr 2026 22:26:58 GMT",
    "Description": "Host server is undergoing maintenance.",
    "EventSource": "Platform",
    "DurationInSeconds": 9,
}


def body(*events: Any, incarnation: object = 2, **more: object) -> bytes:
    return json.dumps({"DocumentIncarnation": incarnation, "Events": list(events), **more}).encode()


def only(document: bytes) -> Event:
    listing = parse_scheduled_events(document)
    assert isinstance(listing, Listing)
    (event,) = listing.events
    return event


def test_the_documented_document() -> None:
    """Every member of the documented document arrives, its wrong weekday notwithstanding."""
    assert only(body(REBOOT)) == Event(
        id="C7061BAC-AFDC-4513-B24B-AA5F13A16123",
        type="Reboot",
        status=EventStatus.SCHEDULED,
        not_before=At(at=datetime(2026, 4, 11, 22, 26, 58, tzinfo=UTC)),
        resources=("vm1", "vm2"),
        source=EventSource.PLATFORM,
        duration=timedelta(seconds=9),
        description="Host server is undergoing maintenance.",
    )


@pytest.mark.parametrize("incarnation", [0, 1, 2.0, 7, 10**30])
def test_idle(incarnation: int) -> None:
    """An empty list is "nothing", with any whole incarnation."""
    assert Listing(incarnation=incarnation, events=()) == parse_scheduled_events(
        body(incarnation=incarnation)
    )


NOT_BEFORE: list[tuple[object, NotBefore]] = [
    ("Mon, 19 Sep 2016 18:29:47 GMT", At(at=datetime(2016, 9, 19, 18, 29, 47, tzinfo=UTC))),
    ("Wed, 19 Sep 2016 18:29:47 GMT", At(at=datetime(2016, 9, 19, 18, 29, 47, tzinfo=UTC))),
    ("19 sep 2016 18:29:47 UTC", At(at=datetime(2016, 9, 19, 18, 29, 47, tzinfo=UTC))),
    ("2026-04-11T22:26:58Z", At(at=datetime(2026, 4, 11, 22, 26, 58, tzinfo=UTC))),
    ("2026-04-11T22:26:58.1234567Z", At(at=datetime(2026, 4, 11, 22, 26, 58, 123456, tzinfo=UTC))),
    ("2026-04-12T00:26:58+02:00", At(at=datetime(2026, 4, 11, 22, 26, 58, tzinfo=UTC))),
    (" 2026-04-11T22:26:58Z ", At(at=datetime(2026, 4, 11, 22, 26, 58, tzinfo=UTC))),
    ("", Blank()),
    ("  ", Blank()),
    (None, Blank()),
    ("2026-04-11T22:26:58", Garbled(text="2026-04-11T22:26:58")),
    ("2026-04-11", Garbled(text="2026-04-11")),
    ("0001-01-01T00:00:00+05:00", Garbled(text="0001-01-01T00:00:00+05:00")),
    ("Mon, 31 Feb 2026 00:00:00 GMT", Garbled(text="Mon, 31 Feb 2026 00:00:00 GMT")),
    ("Mon, 01 Foo 2026 00:00:00 GMT", Garbled(text="Mon, 01 Foo 2026 00:00:00 GMT")),
    ("Mon, 01 Feb 2026 00:00:00 PST", Garbled(text="Mon, 01 Feb 2026 00:00:00 PST")),
    ("soon", Garbled(text="soon")),
    ("x" * 300, Garbled(text="x" * 100)),
    (1775946418, Garbled(text="1775946418")),
    (["x"], Garbled(text="['x']")),
]


@pytest.mark.parametrize(("value", "expected"), NOT_BEFORE)
def test_missing_or_bad_times(value: object, expected: NotBefore) -> None:
    """Case 12: blank is blank, a time is a time, and garbage is neither "now" nor "never" but garbled."""
    assert expected == only(body({**REBOOT, "NotBefore": value})).not_before


def test_an_absent_not_before_is_blank() -> None:
    """A member that is not there says as little as a blank one."""
    assert only(body({name: REBOOT[name] for name in REBOOT if name != "NotBefore"})).not_before == Blank()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, timedelta(0)),
        (5, timedelta(seconds=5)),
        (2.5, timedelta(seconds=2.5)),
        (-1, None),
        (None, None),
        ("9", None),
        (True, None),
        (10**400, None),
    ],
)
def test_durations(value: object, expected: timedelta | None) -> None:
    """Seconds are seconds; −1, nothing and nonsense are unknown, and blind nobody to the event."""
    assert expected == only(body({**REBOOT, "DurationInSeconds": value})).duration


@pytest.mark.parametrize(
    "members",
    [
        {"Description": 5, "EventSource": "Moon", "ResourceType": None, "Surprise": {"Events": []}},
        {"Description": None, "EventSource": None},
    ],
)
def test_advice_that_makes_no_sense_blinds_nobody(members: dict[str, Any]) -> None:
    """Unknown members are passed over; advice that cannot be read is unknown."""
    event = only(body({**REBOOT, **members}))
    assert (event.description, event.source) == (None, EventSource.UNSTATED)


def test_an_unknown_type_is_kept_as_text() -> None:
    """A type nobody knows is a notice all the same."""
    assert only(body({**REBOOT, "EventType": "Defenestrate"})).type == "Defenestrate"


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ([], ()),
        (["", "  "], ()),
        ([" vm1 ", "", "vm2"], ("vm1", "vm2")),
        (["_vm1"], ("_vm1",)),
    ],
)
def test_resource_absent_list(resources: list[str], expected: tuple[str, ...]) -> None:
    """Case 27: an empty list and blanks name nobody, and break nothing."""
    event = only(body({**REBOOT, "Resources": resources}))
    assert expected == event.resources
    assert names_vm(event, "") is False


@pytest.mark.parametrize("name", ["vm1", "VM1", "_vm1", "_VM1"])
def test_a_notice_names_this_vm(name: str) -> None:
    """Case 13: case and one leading underscore make no difference."""
    assert names_vm(only(body({**REBOOT, "Resources": ["sib", name]})), "vm1")


@pytest.mark.parametrize("name", ["vm11", "avm1", "vm1.example", "__vm1", "vm 1"])
def test_remote_only_event(name: str) -> None:
    """Case 13: a sibling's name is not ours, however much of ours stands in it."""
    assert not names_vm(only(body({**REBOOT, "Resources": [name]})), "vm1")


def test_the_same_event_twice_is_one() -> None:
    """A repeated entry is one event; one id with two meanings leaves nothing to believe."""
    assert only(body(REBOOT, REBOOT)).id == REBOOT["EventId"]
    assert unreadable(body(REBOOT, {**REBOOT, "Resources": ["vm3"]})) == "wrong-shape"


def unreadable(document: bytes) -> str:
    outcome = parse_scheduled_events(document)
    assert isinstance(outcome, Unreadable)
    assert outcome.reason
    return outcome.kind


@pytest.mark.parametrize(
    ("kind", "document"),
    [
        ("empty", b""),
        ("empty", b" \r\n"),
        ("not-json", b"<html><body>Sign in to the network</body></html>"),
        ("not-json", body(REBOOT)[:-1]),
        ("not-json", body(REBOOT) + body(REBOOT)),
        ("not-json", b'{"DocumentIncarnation":1,"Events":[],"Events":[]}'),
        ("not-json", b'{"DocumentIncarnation":NaN,"Events":[]}'),
        ("not-json", b"\xef\xbb\xbf" + body(REBOOT)),
        ("not-json", b"[" * 100_000),
        ("not-json", b'{"DocumentIncarnation":' + b"9" * 5000 + b',"Events":[]}'),
        ("not-json", body({**REBOOT, "EventId": "half \ud800"})),
        ("not-utf8", body(REBOOT).decode().encode("utf-16")),
        ("not-utf8", b'{"DocumentIncarnation":1,"Events":[],"x":"\xff"}'),
        ("wrong-shape", b"null"),
        ("wrong-shape", b"[]"),
        ("wrong-shape", b'"Events"'),
        ("wrong-shape", b"{}"),
        ("wrong-shape", b'{"Events":[]}'),
        ("wrong-shape", b'{"DocumentIncarnation":1}'),
        ("wrong-shape", body(incarnation="1")),
        ("wrong-shape", body(incarnation=True)),
        ("wrong-shape", body(incarnation=None)),
        ("wrong-shape", body(incarnation=1.5)),
        ("wrong-shape", b'{"DocumentIncarnation":1,"Events":{}}'),
        ("wrong-shape", b'{"DocumentIncarnation":1,"Events":null}'),
        ("wrong-shape", b'{"error":"bad request"}'),
        ("wrong-shape", body("reboot")),
        ("wrong-shape", body(REBOOT, None)),
    ],
)
def test_bad_json_html_truncated(kind: str, document: bytes) -> None:
    """Case 30: rubbish is unreadable, never an empty list."""
    assert unreadable(document) == kind


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("EventId", None),
        ("EventId", ""),
        ("EventId", " "),
        ("EventId", 5),
        ("EventType", None),
        ("EventType", ""),
        ("EventStatus", "Completed"),
        ("EventStatus", "scheduled"),
        ("EventStatus", ""),
        ("EventStatus", None),
        ("EventStatus", ["Scheduled"]),
        ("Resources", None),
        ("Resources", "vm1"),
        ("Resources", [5]),
        ("Resources", ["vm1", None]),
        ("Resources", {}),
    ],
)
def test_an_event_that_cannot_be_placed_makes_the_document_unreadable(member: str, value: object) -> None:
    """Without its id, type, status or names, nobody knows whom an event means."""
    assert unreadable(body({**REBOOT, member: value})) == "wrong-shape"
    assert unreadable(body({k: v for k, v in REBOOT.items() if k != member})) == "wrong-shape"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
MEMBERS = st.sampled_from([*REBOOT, "DocumentIncarnation", "Events"])


@unhurried
@given(st.binary())
def test_any_bytes(document: bytes) -> None:
    """No bytes raise, and bytes that are no document are never "nothing"."""
    assert isinstance(parse_scheduled_events(document), Unreadable)


@unhurried
@given(st.dictionaries(MEMBERS, JSON))
def test_any_event(members: dict[str, Any]) -> None:
    """Whatever one member of an event holds, the event is listed whole or the document is unreadable."""
    outcome = parse_scheduled_events(body({**REBOOT, **members}))
    match outcome:
        case Listing(events=(event,)):
            assert event.id.strip()
            assert isinstance(event.resources, tuple)
            assert all(name == name.strip() != "" for name in event.resources)
        case Unreadable():
            pass
        case _:
            pytest.fail("an event was lost")


@unhurried
@given(st.integers(min_value=0, max_value=len(body(REBOOT)) - 1))
def test_truncation_anywhere(length: int) -> None:
    """Case 30: no beginning of a document is a document."""
    assert isinstance(parse_scheduled_events(body(REBOOT)[:length]), Unreadable)


@unhurried
@given(st.datetimes(timezones=st.just(UTC)).filter(lambda at: at.year >= 1000))
def test_times_come_back(at: datetime) -> None:
    """Both ways of writing an instant are read back to the second."""
    at = at.replace(microsecond=0)
    months = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
    rfc = f"Sun, {at.day:02d} {months[at.month - 1]} {at.year} {at:%H:%M:%S} GMT"
    assert read_not_before(rfc) == read_not_before(at.isoformat()) == At(at=at)


@unhurried
@given(JSON)
def test_any_not_before(value: object) -> None:
    """Nothing that may stand there raises."""
    read_not_before(value)
