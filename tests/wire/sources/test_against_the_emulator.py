"""The sources against the emulator: each thing nobody knows of the platform, with either value."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from drainer.clock import SystemClock
from drainer.core.model import (
    AckAnswer,
    At,
    Blank,
    Document,
    Event,
    EventSource,
    EventStatus,
    Footing,
    SourceKind,
    Unreadable,
)
from drainer.core.naming import names_vm
from drainer.errors import Refused
from drainer.ports import EventFeed
from drainer.sources.discovery import discover
from metadata_server.testing import ServedEmulator, serve_in_thread, vms


@contextmanager
def emulated(
    *, source: SourceKind | None = None, switches: dict[str, str] | None = None
) -> Iterator[tuple[EventFeed, ServedEmulator]]:
    """The feed of vm1, which shares a set with vm2."""
    with serve_in_thread(vms("vm1", "vm2", set="web")) as emulator:
        for name, value in (switches or {}).items():
            emulator.control.give("switch", name=name, value=value)
        feed = discover(emulator.url("vm1"), clock=SystemClock(), source=source)
        try:
            yield feed, emulator
        finally:
            feed.close()


def read(feed: EventFeed) -> Document:
    outcome = feed.observe()
    assert isinstance(outcome, Document), outcome
    return outcome


def only(feed: EventFeed) -> Event:
    (event,) = read(feed).events
    return event


def kind(feed: EventFeed) -> str:
    outcome = feed.observe()
    assert isinstance(outcome, Unreadable), outcome
    return outcome.kind


def scheduled(emulator: ServedEmulator, *names: str, **more: object) -> str:
    fields = {"type": "Reboot", "vms": list(names), "in_": "15m", **more}
    event_id = emulator.control.give("schedule", **fields)["id"]
    assert isinstance(event_id, str)
    return event_id


@pytest.mark.parametrize("etag", ["on", "off"])
def test_the_life_of_an_event(etag: str) -> None:
    """Scheduled, Started, gone: with and without an ETag each poll shows what is."""
    with emulated(switches={"etag": etag}) as (feed, emulator):
        idle = read(feed)
        assert (idle.vm.name, idle.vm.update_domain) == ("vm1", "0")
        assert idle.vm.id
        assert idle.events == ()
        assert idle.footing is Footing.STEADY
        event_id = scheduled(emulator, "vm1", duration="9s")
        event = only(feed)
        assert (event.id, event.status) == (event_id, EventStatus.SCHEDULED)
        assert isinstance(event.not_before, At)
        assert (event.duration, event.source) == (timedelta(seconds=9), EventSource.PLATFORM)
        assert read(feed).events == (event,)
        emulator.control.give("advance", by="15m")
        started = only(feed)
        assert (started.status, started.not_before) == (EventStatus.STARTED, Blank())
        emulator.control.give("complete", id=event_id)
        assert read(feed).events == ()


@pytest.mark.parametrize("written", ["rfc1123", "wrong-weekday", "iso8601"])
def test_not_before_in_each_way(written: str) -> None:
    """NotBefore is read however it is written."""
    with emulated(switches={"not-before": written}) as (feed, emulator):
        now = datetime.fromisoformat(emulator.control.show("clock")["now"]).astimezone(UTC)
        scheduled(emulator, "vm1")
        assert only(feed).not_before == At(at=now + timedelta(minutes=15))


@pytest.mark.parametrize("case", ["same", "upper", "lower"])
def test_names_in_any_case(case: str) -> None:
    """A notice names this VM, and a sibling's does not, in any case."""
    with emulated(switches={"resources-case": case}) as (feed, emulator):
        scheduled(emulator, "vm1", "vm2")
        scheduled(emulator, "vm2")
        document = read(feed)
        assert [names_vm(event, document.vm.name) for event in document.events] == [True, False]


def test_the_skew_is_the_answers() -> None:
    """The Date header of the answer gives the skew of this machine's clock."""
    with emulated() as (feed, emulator):
        emulator.control.give("advance", by="1h")
        skew = read(feed).skew
        assert skew is not None
        assert timedelta(minutes=55) < skew < timedelta(minutes=65)


@pytest.mark.parametrize("body", ["empty", "document"])
def test_acknowledged(body: str) -> None:
    """A StartRequests starts the event; a second one is as good as the first, whoever comes first."""
    with emulated(switches={"ack-body": body}) as (feed, emulator):
        event_id = scheduled(emulator, "vm1", "vm2")
        read(feed)
        assert feed.acknowledge(event_id) is AckAnswer.DONE
        assert only(feed).status is EventStatus.STARTED
        assert feed.acknowledge(event_id) is AckAnswer.DONE


@pytest.mark.parametrize(("answered", "expected"), [("400", AckAnswer.GONE), ("200", AckAnswer.DONE)])
@pytest.mark.parametrize("errors", ["json", "empty"])
def test_an_event_that_is_gone(answered: str, expected: AckAnswer, errors: str) -> None:
    """Case 43: an id that is no longer listed ends the matter, whatever the platform answers."""
    with emulated(switches={"ack-unknown": answered, "events-errors": errors}) as (feed, emulator):
        event_id = scheduled(emulator, "vm1")
        read(feed)
        emulator.control.give("cancel", id=event_id)
        assert feed.acknowledge(event_id) is expected


def test_a_400_for_an_event_that_started() -> None:
    """Where a Started event is refused with 400 it is still listed: a no for good, not "gone"."""
    with emulated(switches={"ack-started": "400"}) as (feed, emulator):
        event_id = scheduled(emulator, "vm1")
        read(feed)
        emulator.control.give("start", id=event_id)
        with pytest.raises(Refused):
            feed.acknowledge(event_id)


@pytest.mark.parametrize("kind_of_fault", ["html", "empty", "truncated", "reset", "status"])
def test_a_fault_is_unreadable_and_passes(kind_of_fault: str) -> None:
    """Cases 29 and 30: a fault never looks like "no events", and leaves no trace when it is mended."""
    with emulated(switches={"etag": "off"}) as (feed, emulator):
        event_id = scheduled(emulator, "vm1")
        assert only(feed).id == event_id
        extra = {"status": 503} if kind_of_fault == "status" else {}
        emulator.control.give("fault", vm="vm1", kind=kind_of_fault, **extra)
        expected = {"html": "not-json", "status": "http-503"}.get(kind_of_fault, kind_of_fault)
        assert {kind(feed) for _ in range(3)} == {expected}
        emulator.control.give("mend", vm="vm1")
        assert only(feed).id == event_id


def test_a_reset_incarnation() -> None:
    """After a reset the document stands on new ground, and what it lists is read."""
    with emulated() as (feed, emulator):
        read(feed)
        event_id = scheduled(emulator, "vm1")
        before = read(feed)
        emulator.control.give("reset", vm="vm1")
        after = read(feed)
        assert before.incarnation is not None
        assert after.incarnation is not None
        assert after.incarnation < before.incarnation
        assert after.footing is Footing.NEW
        assert [event.id for event in after.events] == [event_id]


def test_the_service_is_switched_on_by_the_first_read() -> None:
    """Case 33: the first answer takes longer than a turn: "enabling", then the document."""
    with emulated(switches={"first-answer": "1500ms"}) as (feed, _):
        assert kind(feed) == "enabling"
        assert read(feed).events == ()


@pytest.mark.parametrize(
    ("switches", "about_to"),
    [
        ({"v1": "seed"}, True),
        ({"v1": "seed", "v1-id": "underscore"}, True),
        ({"v1": "json", "v1-reboot-value": "true"}, True),
        ({"v1": "json", "v1-reboot-value": "empty"}, True),
        ({"v1": "json", "v1-reboot-value": "id", "v1-id": "underscore"}, True),
    ],
)
def test_instance_info_in_each_way(switches: dict[str, str], about_to: bool) -> None:
    """The document of 2015, as printed and as JSON: nothing, a reboot within five minutes, nothing."""
    with emulated(source=SourceKind.INSTANCE_INFO, switches=switches) as (feed, emulator):
        assert read(feed).events == ()
        event_id = scheduled(emulator, "vm1")
        assert read(feed).events == ()
        emulator.control.give("advance", by="11m")
        pending = read(feed)
        assert (len(pending.events) == 1) is about_to
        assert pending.vm.name == "vm1"
        emulator.control.give("cancel", id=event_id)
        assert read(feed).events == ()


def test_the_maintenance_document() -> None:
    """The maintenance document names its event; the name is the instance document's."""
    with emulated(source=SourceKind.MAINTENANCE) as (feed, emulator):
        assert read(feed).events == ()
        event_id = scheduled(emulator, "vm1")
        emulator.control.give("advance", by="11m")
        document = read(feed)
        assert [event.id for event in document.events] == [event_id]
        assert document.vm.name == "vm1"
        assert document.vm.id


def test_discovery_keeps_scheduled_events() -> None:
    """With everything served the newest is chosen, and a 404 later does not unseat it."""
    with emulated() as (feed, emulator):
        assert read(feed).source is SourceKind.SCHEDULED_EVENTS
        emulator.control.give("fault", vm="vm1", kind="status", status=404)
        assert {kind(feed) for _ in range(3)} == {"http-404"}


def test_discovery_moves_on_where_scheduled_events_are_not_served() -> None:
    """A platform that has only the older services is read by the newest of them."""
    with emulated() as (feed, emulator):
        emulator.control.give("fault", vm="vm1", kind="status", status=404, path="/metadata/scheduledevents")
        assert read(feed).source is SourceKind.MAINTENANCE
