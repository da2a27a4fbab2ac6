"""Which source is chosen, and that the choice is kept; the two sources of 2015 over the wire."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from drainer.clock import ManualClock
from drainer.core.model import Document, Footing, SourceKind, Unreadable
from drainer.errors import Refused, Transient
from drainer.ports import EventFeed
from drainer.sources.discovery import discover
from tests.wire.sources.raw_peer import RawPeer, Script, Talk, answer, by_path, listening

INSTANCE = "/metadata/instance"
EVENTS = "/metadata/scheduledevents"
MAINTENANCE = "/metadata/v1/maintenance"
INFO = "/metadata/v1/InstanceInfo"

VM1 = answer(json.dumps({"compute": {"name": "vm1", "vmId": "id-1"}}).encode())
NO_EVENTS = answer(b'{"DocumentIncarnation":1,"Events":[]}')
NOTHING = answer(b"{}")
PENDING = answer(b'{"EventID":"A1B2","EventCreationTime":"9\\/15\\/2015 6:42:51 AM"}')
IDLE_INFO = answer(b'{"ID":"_azdev","UD":"1","FD":"2"}')
ABOUT_TO_REBOOT = answer('{“ID”:”myInstanceVM1","UD":"0","FD":"0","Reboot"}'.encode())
NOT_FOUND = answer(status="404 Not Found")
BUSY = answer(status="503 Service Unavailable")


@contextmanager
def found(
    script: Script, *, vm_name: str = "", source: SourceKind | None = None
) -> Iterator[tuple[EventFeed, RawPeer]]:
    with listening(script) as served:
        feed = discover(served.base_url, clock=ManualClock(), vm_name=vm_name, source=source)
        try:
            yield feed, served
        finally:
            feed.close()


def read(feed: EventFeed) -> Document:
    outcome = feed.observe()
    assert isinstance(outcome, Document), outcome
    return outcome


def unread(feed: EventFeed) -> str:
    outcome = feed.observe()
    assert isinstance(outcome, Unreadable), outcome
    return outcome.kind


ALL = {
    INSTANCE: [VM1],
    EVENTS: [NO_EVENTS],
    MAINTENANCE: [NOTHING],
    INFO: [IDLE_INFO],
}


@pytest.mark.parametrize(
    ("absent", "expected"),
    [
        ((), SourceKind.SCHEDULED_EVENTS),
        ((EVENTS,), SourceKind.MAINTENANCE),
        ((EVENTS, INSTANCE), SourceKind.MAINTENANCE),
        ((EVENTS, MAINTENANCE), SourceKind.INSTANCE_INFO),
        ((EVENTS, MAINTENANCE, INSTANCE), SourceKind.INSTANCE_INFO),
    ],
)
def test_the_newest_source_that_is_there(absent: tuple[str, ...], expected: SourceKind) -> None:
    """The first observe already reads the newest service that does not answer 404."""
    routes = {path: list(ALL[path]) for path in ALL if path not in absent}
    with found(by_path(routes)) as (feed, served):
        assert read(feed).source is expected
        before = len(served.heard)
        assert read(feed).source is expected
        assert len(served.heard) == before + 1


@pytest.mark.parametrize("source", list(SourceKind))
def test_a_forced_source_is_the_only_one_asked(source: SourceKind) -> None:
    """A source that was named is used, and where it answers 404 no other is tried."""
    with found(by_path({path: list(ALL[path]) for path in ALL}), source=source) as (feed, _):
        assert read(feed).source is source
    with found(by_path({INSTANCE: [VM1]}), source=source) as (feed, served):
        assert [unread(feed) for _ in range(3)] == ["http-404"] * 3
    assert len({path for path in served.paths if not path.startswith(INSTANCE)}) == 1


def test_a_time_out_or_5xx_never_moves_on() -> None:
    """Trouble at the newest service says nothing of its absence; a definite 404 later still does."""
    routes = {**ALL, INSTANCE: [VM1], EVENTS: [BUSY, BUSY, NOT_FOUND]}
    with found(by_path(routes)) as (feed, served):
        assert [unread(feed), unread(feed)] == ["http-503"] * 2
        assert MAINTENANCE not in served.paths
        assert read(feed).source is SourceKind.MAINTENANCE


def test_a_nameless_platform_is_still_searched() -> None:
    """Where nobody tells the name, turns go to the service too, so that its 404 is seen."""
    with found(by_path({EVENTS: [BUSY, NOT_FOUND], MAINTENANCE: [NOTHING]})) as (feed, served):
        assert unread(feed) == "http-503"
        assert unread(feed) == "name-unknown"
        assert read(feed).source is SourceKind.MAINTENANCE
    assert served.paths[:4] == [f"{INSTANCE}?api-version=2021-02-01", f"{EVENTS}?api-version=2020-07-01"] * 2


def test_trouble_with_the_name_chooses_nothing() -> None:
    """An instance document that fails at first neither chooses a source nor moves on from one."""
    with found(by_path({INSTANCE: [BUSY, NOT_FOUND], MAINTENANCE: [NOTHING]})) as (feed, served):
        assert unread(feed) == "name-unknown"
        assert served.paths == [f"{INSTANCE}?api-version=2021-02-01"]
        assert read(feed).source is SourceKind.MAINTENANCE


BAD_VERSION = answer(status="400 Bad Request")


@pytest.mark.parametrize("first", [NO_EVENTS, answer(b""), answer(b"<html>"), BAD_VERSION])
def test_the_choice_is_kept(first: bytes) -> None:
    """Once a service has answered anything but 404 or trouble, a 404 is a failure like any other."""
    with found(by_path({**ALL, INSTANCE: [VM1], EVENTS: [first, NOT_FOUND]})) as (feed, served):
        feed.observe()
        assert [unread(feed) for _ in range(5)] == ["http-404"] * 5
    assert MAINTENANCE not in served.paths


def test_no_service_at_all() -> None:
    """Where all answer 404, as while a VM boots, the search starts over and takes one request a turn."""
    routes: dict[str, list[bytes]] = {}
    with found(by_path(routes)) as (feed, served):
        assert unread(feed) == "no-source"
        with pytest.raises(Transient) as caught:
            feed.acknowledge("A")
        assert caught.value.kind == "no-source"
        for turn in range(8):
            assert unread(feed) in ("no-source", "name-unknown")
            assert len(served.heard) <= 4 + turn + 1
        routes.update({INSTANCE: [VM1], EVENTS: [NO_EVENTS]})
        while not isinstance(outcome := feed.observe(), Document):
            assert len(served.heard) < 30
    assert outcome.source is SourceKind.SCHEDULED_EVENTS


def test_acknowledge_goes_to_the_chosen_source() -> None:
    """The sources of 2015 know no acknowledgement: refused, without a request."""
    for absent in ((EVENTS,), (EVENTS, MAINTENANCE)):
        routes = {path: list(ALL[path]) for path in ALL if path not in absent}
        with found(by_path(routes)) as (feed, served):
            read(feed)
            asked = len(served.heard)
            with pytest.raises(Refused) as caught:
                feed.acknowledge("A")
            assert caught.value.kind == "ack-unknown"
            assert len(served.heard) == asked


def test_instance_info_over_the_wire() -> None:
    """InstanceInfo gives the name without its underscore, the domains, the notice, on new ground always."""
    routes = {INFO: [IDLE_INFO, ABOUT_TO_REBOOT, answer(b"{}"), NOT_FOUND]}
    with found(by_path(routes), source=SourceKind.INSTANCE_INFO) as (feed, _):
        idle, about = read(feed), read(feed)
        assert [unread(feed), unread(feed)] == ["wrong-shape", "http-404"]
    assert (idle.vm.name, idle.vm.update_domain, idle.vm.fault_domain) == ("azdev", "1", "2")
    assert idle.events == ()
    assert idle.footing is Footing.NEW
    assert [event.type for event in about.events] == ["Reboot"]


def test_instance_info_takes_a_given_name() -> None:
    """A given name stands before the document's own."""
    with found(by_path({INFO: [IDLE_INFO]}), vm_name="vm7", source=SourceKind.INSTANCE_INFO) as (feed, _):
        assert read(feed).vm.name == "vm7"


@pytest.mark.parametrize(
    ("vm_name", "routes", "expected"),
    [
        ("vm7", {}, "vm7"),
        ("", {INSTANCE: [VM1], INFO: [IDLE_INFO]}, "vm1"),
        ("VM1", {INSTANCE: [VM1]}, "vm1"),
        ("", {INFO: [IDLE_INFO]}, "azdev"),
        ("", {INFO: [answer(b"<html>")]}, ""),
        ("", {}, ""),
    ],
)
def test_whose_maintenance_document(vm_name: str, routes: dict[str, list[bytes]], expected: str) -> None:
    """Its name is the operator's, the instance document's, or InstanceInfo's; else it has none."""
    served_routes = {**routes, MAINTENANCE: [PENDING]}
    with found(by_path(served_routes), vm_name=vm_name, source=SourceKind.MAINTENANCE) as (feed, served):
        document = read(feed)
        asked = len(served.heard)
        read(feed)
        assert len(served.heard) == asked + 1
    assert expected == document.vm.name
    assert [event.id for event in document.events] == ["A1B2"]
    assert document.footing is Footing.NEW
    assert document.incarnation is None


def test_maintenance_that_cannot_be_read() -> None:
    """A broken document, a wrong name and a name that may yet come are unreadable."""
    routes = {INSTANCE: [BUSY, VM1], MAINTENANCE: [answer(b""), NOTHING]}
    with found(by_path(routes), vm_name="vm2", source=SourceKind.MAINTENANCE) as (feed, _):
        assert [unread(feed) for _ in range(3)] == ["empty", "name-unknown", "name-mismatch"]


def test_a_lifetime_bounds_every_source() -> None:
    """With a lifetime no observe outlasts it, whichever source hangs."""
    for source in SourceKind:
        with listening(Talk.silence) as served:
            clock = ManualClock()
            feed = discover(served.base_url, clock=clock, vm_name="vm1", source=source, lifetime_s=0.2)
            feed.observe()
            assert unread(feed) in ("timeout", "name-unknown")
            feed.close()


def test_a_base_url_that_is_none() -> None:
    """A bad base URL is a ValueError before anything is asked."""
    with pytest.raises(ValueError, match="expected http://"):
        discover("169.254.169.254", clock=ManualClock())


def test_polls_in_sum() -> None:
    """A minute of polls is a minute of requests, and the two of the start."""
    clock = ManualClock()
    with found(by_path({path: list(ALL[path]) for path in ALL})) as (feed, served):
        for _ in range(60):
            read(feed)
            clock.advance(timedelta(seconds=1))
    assert len(served.heard) == 61
