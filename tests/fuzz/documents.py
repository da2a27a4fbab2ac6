"""Documents of the metadata service, as anybody on the way could forge them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC
from http.client import HTTPMessage

from drainer.clock import ManualClock
from drainer.core.model import Event, Unreadable
from drainer.core.naming import names_vm
from drainer.sources.dates import retry_after, skew_of
from drainer.sources.events import Listing, parse_scheduled_events
from drainer.sources.identity import parse_instance
from drainer.sources.legacy_documents import InstanceInfo, parse_instance_info, parse_maintenance
from drainer.sources.not_before import read_time
from drainer.transport.http import Answer
from tests.fuzz.target import Form, Target, golden

ME = "vm1"
SAMPLES = (
    b'{"DocumentIncarnation":2,"Events":[{"EventId":"A","EventType":"Reboot","EventStatus":"Scheduled",'
    b'"ResourceType":"VirtualMachine","Resources":["vm1"," _VM1 ","vm10"],"EventSource":"Platform",'
    b'"NotBefore":"Mon, 19 Sep 2016 18:29:47 GMT","DurationInSeconds":-1,"Description":"x"}]}',
    b'{"DocumentIncarnation":1,"Events":[]}',
)


def scheduled_events(body: bytes) -> None:
    """An event names this VM exactly if one of its Resources is this VM's name; ids are unique."""
    listing = parse_scheduled_events(body)
    if isinstance(listing, Unreadable):
        return _said(listing)
    entries = json.loads(body)["Events"]
    named = {entry["EventId"] for entry in entries if any(map(_is_me, entry["Resources"]))}
    assert named == {event.id for event in listing.events if names_vm(event, ME)}
    assert len({event.id for event in listing.events}) == len(listing.events)
    return _writable(listing)


def maintenance(body: bytes) -> None:
    events = parse_maintenance(body)
    if isinstance(events, Unreadable):
        return _said(events)
    assert len(events) <= 1
    return _all_writable(events)


def instance_info(body: bytes) -> None:
    """A reboot is a member of its own: without those letters in any member there is none."""
    found = parse_instance_info(body)
    if isinstance(found, Unreadable):
        return _said(found)
    assert isinstance(found, InstanceInfo)
    assert found.name == found.name.strip() != ""
    if "\\" not in body.decode() and "reboot" not in body.decode().casefold():
        assert not found.events
    return _all_writable(found.events)


def instance(body: bytes) -> None:
    """Whoever has a name has one of letters; every other field is text."""
    vm = parse_instance(body)
    if isinstance(vm, Unreadable):
        return _said(vm)
    assert vm.name == vm.name.strip() != ""
    return None


def dates(body: bytes) -> None:
    """A date is an instant in UTC or none, and no wait is longer than an hour or negative."""
    text = body.decode("latin-1")
    at = read_time(text)
    assert at is None or at.tzinfo is UTC
    headers = HTTPMessage()
    for name in ("Date", "Retry-After"):
        headers[name] = text
    answer, now = Answer(status=503, headers=headers, body=b""), ManualClock().now()
    skew_of(answer, now)
    wait = retry_after(answer, now)
    assert wait is None or 0 <= wait.total_seconds() <= 3600


def _is_me(resource: str) -> bool:
    plain = resource.strip().casefold()
    return plain in (ME, f"_{ME}")


def _said(unreadable: Unreadable) -> None:
    assert unreadable.kind in {"empty", "not-utf8", "not-json", "wrong-shape", "name-unknown"}
    assert len(unreadable.reason) < 20_000


def _writable(listing: Listing) -> None:
    _all_writable(listing.events)


def _all_writable(events: Iterable[Event]) -> None:
    """What is kept of a notice can be written to a journal and a log."""
    for event in events:
        f"{event.id}{event.type}{event.description}".encode()


TARGETS = (
    Target(
        name="scheduled-events",
        one=scheduled_events,
        under=(
            "drainer.sources.events",
            "drainer.sources.body",
            "drainer.sources.not_before",
            "drainer.core.naming",
        ),
        seeds=lambda: (*SAMPLES, *golden("imds/metadata/scheduledevents/*/*.json")),
        form=Form.JSON,
        words=(
            "DocumentIncarnation",
            "Events",
            "EventId",
            "EventStatus",
            "Resources",
            "Scheduled",
            "Started",
        ),
    ),
    Target(
        name="maintenance",
        one=maintenance,
        under=("drainer.sources.legacy_documents", "drainer.sources.body", "drainer.sources.printed"),
        seeds=lambda: golden("imds/metadata/v1/maintenance/*.json"),
        form=Form.JSON,
        words=("EventID", "{}"),
    ),
    Target(
        name="instance-info",
        one=instance_info,
        under=("drainer.sources.legacy_documents", "drainer.sources.body", "drainer.sources.printed"),
        seeds=lambda: (
            *golden("imds/metadata/v1/InstanceInfo/*.json"),
            *golden("seed/*.txt"),
            '{“ID”:”myInstanceVM1","UD":"0","FD":"0","Reboot"}'.encode(),
        ),
        form=Form.JSON,
        words=("“", "”", "Reboot", "ID", "InstanceID", "UD", "FD", "false"),
    ),
    Target(
        name="instance",
        one=instance,
        under=("drainer.sources.identity", "drainer.sources.body"),
        seeds=lambda: golden("imds/metadata/instance/*.json"),
        form=Form.JSON,
        longest=8192,
        words=("compute", "name", "vmId", "vmScaleSetName", "virtualMachineScaleSet"),
    ),
    Target(
        name="dates",
        one=dates,
        under=("drainer.sources.dates", "drainer.sources.not_before"),
        seeds=lambda: (
            b"Mon, 19 Sep 2016 18:29:47 GMT",
            b"2022-11-17T18:29:47Z",
            b"2022-11-17T18:29:47.5+02:00",
            b"120",
        ),
        longest=100,
        words=("GMT", "UTC", "Feb", "0001-01-01T00:00:00", "9999-12-31T23:59:59", "+23:59"),
    ),
)
