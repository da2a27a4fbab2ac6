"""Scheduled Events over the wire: who, what version, how fresh, and what to believe."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from drainer.clock import ManualClock
from drainer.core.model import AckAnswer, Document, Footing, SourceKind, Unreadable
from drainer.errors import Refused, Transient
from drainer.sources.first_contact import FirstContact
from drainer.sources.identity import Identity
from drainer.sources.scheduled_events import VERSIONS, ScheduledEvents
from drainer.transport.http import HttpPeer
from tests.wire.sources.raw_peer import RawPeer, Script, Talk, answer, by_path, listening

INSTANCE = "/metadata/instance"
EVENTS = "/metadata/scheduledevents"
VM1 = answer(json.dumps({"compute": {"name": "vm1", "vmId": "id-1"}}).encode())


def reboot(event_id: str = "A") -> dict[str, object]:
    return {
        "EventId": event_id,
        "EventType": "Reboot",
        "EventStatus": "Scheduled",
        "Resources": ["vm1"],
        "NotBefore": "Mon, 19 Sep 2016 18:29:47 GMT",
    }


def listed(*ids: str, incarnation: int = 1) -> bytes:
    document = {"DocumentIncarnation": incarnation, "Events": [reboot(one) for one in ids]}
    return json.dumps(document).encode()


IDLE = answer(listed())


@contextmanager
def feed_on(
    script: Script, *, vm_name: str = "", clock: ManualClock | None = None, poll_timeout_s: float = 5.0
) -> Iterator[tuple[ScheduledEvents, RawPeer]]:
    clock = clock or ManualClock()
    with listening(script) as served:
        identity = Identity(HttpPeer(served.base_url), clock, given=vm_name)
        feed = ScheduledEvents(HttpPeer(served.base_url), clock, identity, poll_timeout_s=poll_timeout_s)
        try:
            yield feed, served
        finally:
            feed.close()


def read(feed: ScheduledEvents) -> Document:
    outcome = feed.observe()
    assert isinstance(outcome, Document), outcome
    return outcome


def unread(feed: ScheduledEvents) -> str:
    outcome = feed.observe()
    assert isinstance(outcome, Unreadable), outcome
    assert outcome.reason
    return outcome.kind


def ids(document: Document) -> list[str]:
    return [event.id for event in document.events]


# --- the name -------------------------------------------------------------------------------------


def test_the_first_observe_learns_the_name_and_reads() -> None:
    """The first observe makes two requests, every later one makes one, each with the Metadata header."""
    clock = ManualClock(datetime(2026, 1, 1, tzinfo=UTC))
    served_at = answer(listed("A"), Date="Thu, 01 Jan 2026 00:00:03 GMT")
    with feed_on(by_path({INSTANCE: [VM1], EVENTS: [served_at]}), clock=clock) as (feed, served):
        first = read(feed)
        read(feed)
    assert first.vm.name == "vm1"
    assert first.vm.id == "id-1"
    assert first.source is SourceKind.SCHEDULED_EVENTS
    assert ids(first) == ["A"]
    assert first.skew == timedelta(seconds=3)
    assert first.read_at == clock.now()
    assert served.paths == [f"{INSTANCE}?api-version=2021-02-01"] + [f"{EVENTS}?api-version=2020-07-01"] * 2
    assert {request.headers["metadata"] for request in served.heard} == {"true"}
    assert len(served.connections) == 2


@pytest.mark.parametrize("given", ["vm1", "VM1", "_vm1", ""])
def test_a_given_name_that_agrees(given: str) -> None:
    """A given name may differ from the instance document's in case and in a leading underscore."""
    with feed_on(by_path({INSTANCE: [VM1], EVENTS: [IDLE]}), vm_name=given) as (feed, _):
        assert read(feed).vm.name == "vm1"


def test_a_given_name_that_disagrees() -> None:
    """A wrong name reads nobody's notices: unreadable, with both names, one request an observe."""
    with feed_on(by_path({INSTANCE: [VM1], EVENTS: [IDLE]}), vm_name="vm11") as (feed, served):
        outcome = feed.observe()
        assert unread(feed) == "name-mismatch"
    assert isinstance(outcome, Unreadable)
    assert outcome.kind == "name-mismatch"
    assert "'vm11'" in outcome.reason
    assert "'vm1'" in outcome.reason
    assert len(served.heard) == 2


def test_until_the_name_is_known_nothing_is_read() -> None:
    """An instance document that may yet come is waited for; the observe that gets it reads the events."""
    busy = answer(b"busy", status="503 Service Unavailable")
    gone = answer(status="410 Gone")
    routes = {INSTANCE: [busy, gone, answer(b""), VM1], EVENTS: [IDLE]}
    with feed_on(by_path(routes)) as (feed, served):
        assert [unread(feed) for _ in range(3)] == ["name-unknown"] * 3
        assert len(served.heard) == 3
        assert read(feed).vm.name == "vm1"


def test_a_given_name_stands_alone_where_there_is_no_instance_document() -> None:
    """A definite lack of the instance document leaves the operator's word."""
    with feed_on(by_path({EVENTS: [IDLE]}), vm_name="vm9") as (feed, _):
        document = read(feed)
    assert (document.vm.name, document.vm.id) == ("vm9", "")


def test_a_given_name_waits_a_minute_for_the_instance_document() -> None:
    """While the instance document fails, a given name is not believed at once, and not waited on for ever."""
    clock = ManualClock()
    routes = {INSTANCE: [answer(status="500 Internal Server Error")], EVENTS: [IDLE]}
    with feed_on(by_path(routes), vm_name="vm9", clock=clock) as (feed, _):
        assert unread(feed) == "name-unknown"
        clock.advance(timedelta(seconds=59))
        assert unread(feed) == "name-unknown"
        clock.advance(timedelta(seconds=1))
        assert read(feed).vm.name == "vm9"


def test_nobody_knows_the_name() -> None:
    """Without an instance document and a given name the events are unreadable, one request an observe."""
    with feed_on(by_path({EVENTS: [answer(listed("A"))]})) as (feed, served):
        assert [unread(feed) for _ in range(5)] == ["name-unknown"] * 5
    assert len(served.heard) == 6
    assert {path.partition("?")[0] for path in served.paths} == {INSTANCE, EVENTS}


# --- versions -------------------------------------------------------------------------------------


def test_an_older_version_is_tried_where_one_is_refused() -> None:
    """A 400 steps to the next older version, one request an observe; the one that works is kept."""

    def script(talk: Talk) -> None:
        while True:
            path = talk.request().path
            if path.startswith(INSTANCE):
                talk.send(VM1)
            else:
                talk.send(IDLE if "2019-01-01" in path else answer(b"version", status="400 Bad Request"))

    with feed_on(script) as (feed, served):
        assert [unread(feed) for _ in range(3)] == ["http-400"] * 3
        read(feed)
        read(feed)
    asked = [path.rpartition("=")[2] for path in served.paths if path.startswith(EVENTS)]
    assert asked == ["2020-07-01", "2019-08-01", "2019-04-01", "2019-01-01", "2019-01-01"]


def test_all_versions_go_round() -> None:
    """Where every version is refused, the newest comes after the oldest."""
    refused = answer(status="400 Bad Request")
    with feed_on(by_path({INSTANCE: [VM1], EVENTS: [refused] * 7 + [IDLE]})) as (feed, served):
        assert [unread(feed) for _ in VERSIONS] == ["http-400"] * 7
        read(feed)
    assert served.paths[-1].endswith(VERSIONS[0])


def test_one_refusal_does_not_unseat_a_version_that_works() -> None:
    """A passing 400 keeps the version; three in a row ask for the newest again."""
    refused = answer(status="400 Bad Request")
    routes = {INSTANCE: [VM1], EVENTS: [refused, IDLE, refused, IDLE, refused, refused, refused, IDLE]}
    with feed_on(by_path(routes)) as (feed, served):
        outcomes = [feed.observe() for _ in range(8)]
    asked = [path.rpartition("=")[2] for path in served.paths[1:]]
    assert asked == [VERSIONS[0]] + [VERSIONS[1]] * 6 + [VERSIONS[0]]
    assert isinstance(outcomes[-1], Document)


# --- failures -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "status",
    ["404 Not Found", "500 Internal Server Error", "503 Service Unavailable", "429 Too Many", "418 No"],
)
def test_imds_404_500_503(status: str) -> None:
    """Case 29: twenty errors in a row leave a feed that reads the very next good answer."""
    bad = answer(listed("A"), status=status)
    with feed_on(by_path({INSTANCE: [VM1], EVENTS: [IDLE, *[bad] * 20, answer(listed("B"))]})) as (feed, _):
        read(feed)
        number = status.partition(" ")[0]
        assert {unread(feed) for _ in range(20)} == {"http-other" if number == "418" else f"http-{number}"}
        assert ids(read(feed)) == ["B"]


@pytest.mark.parametrize(
    ("kind", "bad"),
    [
        ("empty", answer(b"")),
        ("not-json", answer(b"<html>Sign in</html>", Content_Type="text/html")),
        ("not-json", answer(listed("A")[:-5])),
        ("truncated", b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\nConnection: close\r\n\r\n" + listed("A")),
        ("http-500", answer(listed(), status="500 Internal Server Error")),
        ("redirected", answer(status="302 Found", Location="/login")),
        ("http-other", answer(status="204 No Content")),
    ],
)
@pytest.mark.case("bad-json")
def test_bad_answers_are_unreadable_never_empty(kind: str, bad: bytes) -> None:
    """Case 30: rubbish with a 200, or JSON with a 500, says nothing about the event."""

    def script(talk: Talk) -> None:
        if talk.request().path.startswith(INSTANCE):
            talk.send(VM1)
            return
        talk.send(answer(listed("A")) if talk.number != 3 else bad)

    with feed_on(script) as (feed, _):
        assert ids(read(feed)) == ["A"]
        assert unread(feed) == kind
        assert ids(read(feed)) == ["A"]


def test_timeout() -> None:
    """Case 32: an answer after the limit is a time-out, and the next poll is unaffected."""
    answered = threading.Event()

    def script(talk: Talk) -> None:
        while True:
            if talk.request().path.startswith(INSTANCE):
                talk.send(VM1)
            elif talk.number == 2 and len(talk.heard) == 3:
                answered.wait(5)
                talk.send(answer(listed("late")))
            else:
                talk.send(answer(listed("A")))

    with feed_on(script, poll_timeout_s=0.3) as (feed, _):
        read(feed)
        assert unread(feed) == "timeout"
        answered.set()
        assert ids(read(feed)) == ["A"]


# --- the slow first answer ------------------------------------------------------------------------


def test_slow_first_call() -> None:
    """Case 33: while the service is being switched on, observe comes back in turns as "enabling"; the
    first document then stands on new ground for five minutes."""
    clock = ManualClock()
    on = threading.Event()

    def script(talk: Talk) -> None:
        while True:
            if talk.request().path.startswith(INSTANCE):
                talk.send(VM1)
                continue
            on.wait(30)
            talk.send(answer(listed("A")))

    with feed_on(script, clock=clock) as (feed, served):
        assert unread(feed) == "enabling"
        clock.advance(timedelta(seconds=110))
        outcome = feed.observe()
        assert isinstance(outcome, Unreadable)
        assert outcome.kind == "enabling"
        assert "110 s" in outcome.reason
        on.set()
        first = read(feed)
        assert ids(first) == ["A"]
        assert first.footing is Footing.NEW
        clock.advance(timedelta(minutes=4, seconds=59))
        assert read(feed).footing is Footing.NEW
        clock.advance(timedelta(seconds=1))
        assert read(feed).footing is Footing.STEADY
    assert len(served.heard) == 4


def test_a_quick_first_answer_stands_firm() -> None:
    """A service that was on already is believed at once."""
    with feed_on(by_path({INSTANCE: [VM1], EVENTS: [IDLE]})) as (feed, _):
        assert read(feed).footing is Footing.STEADY


def test_a_first_answer_that_never_comes() -> None:
    """A first call that is given up was slow too, and the next one starts anew."""
    clock = ManualClock()

    def script(talk: Talk) -> None:
        talk.request()
        clock.advance(timedelta(seconds=11))
        if talk.number == 1:
            talk.silence()
        talk.send(IDLE)

    with listening(script) as served:
        peer = HttpPeer(served.base_url)
        contact = FirstContact(peer, clock, answer_timeout_s=0.2)
        with pytest.raises(Transient) as caught:
            contact.ask("/x", {})
        assert caught.value.kind == "timeout"
        assert contact.slow
        assert not isinstance(contact.ask("/x", {}), Unreadable)
        peer.close()


def test_an_error_is_no_first_answer() -> None:
    """Errors before the first document do not end the patience with it."""
    busy = answer(status="503 Service Unavailable")
    on = threading.Event()

    def script(talk: Talk) -> None:
        if talk.request().path.startswith(INSTANCE):
            talk.send(VM1)
        elif talk.number == 2:
            talk.send(busy)
        else:
            on.wait(30)
            talk.send(IDLE)

    with feed_on(script, poll_timeout_s=0.1) as (feed, _):
        assert unread(feed) == "http-503"
        assert unread(feed) == "enabling"
        on.set()
        read(feed)


# --- fresh or not ---------------------------------------------------------------------------------


def test_an_etag_is_used_where_it_is_offered() -> None:
    """A 304 to our own ETag is the last document, read now."""
    clock = ManualClock()
    unchanged = answer(status="304 Not Modified", ETag='"1"')
    routes = {INSTANCE: [VM1], EVENTS: [answer(listed("A"), ETag='"1"'), unchanged]}
    with feed_on(by_path(routes), clock=clock) as (feed, served):
        read(feed)
        clock.advance(timedelta(seconds=1))
        again = read(feed)
    assert ids(again) == ["A"]
    assert again.read_at == clock.now()
    assert [request.headers.get("if-none-match") for request in served.heard[1:]] == [None, '"1"']


def test_a_304_is_not_believed_for_ever() -> None:
    """Once a minute the whole document is asked for: after a reset an old ETag could come back."""
    clock = ManualClock()
    unchanged = answer(status="304 Not Modified")
    routes = {INSTANCE: [VM1], EVENTS: [answer(listed("A"), ETag='"1"'), unchanged, answer(listed("B"))]}
    with feed_on(by_path(routes), clock=clock) as (feed, served):
        read(feed)
        clock.advance(timedelta(seconds=59))
        assert ids(read(feed)) == ["A"]
        clock.advance(timedelta(seconds=1))
        assert ids(read(feed)) == ["B"]
    assert "if-none-match" not in served.heard[-1].headers


@pytest.mark.parametrize(
    ("offered", "confused"),
    [
        (answer(listed("A")), answer(status="304 Not Modified")),
        (answer(listed("A"), ETag='"1"'), answer(status="304 Not Modified", ETag='"2"')),
    ],
    ids=["without-an-etag", "another-etag"],
)
def test_a_304_without_our_etag_is_unreadable(offered: bytes, confused: bytes) -> None:
    """A 304 that answers no question of ours says nothing, and the next poll asks for the whole."""
    routes = {INSTANCE: [VM1], EVENTS: [offered, confused, answer(listed("B"))]}
    with feed_on(by_path(routes)) as (feed, served):
        read(feed)
        assert unread(feed) == "unasked-304"
        assert ids(read(feed)) == ["B"]
    assert "if-none-match" not in served.heard[-1].headers


def test_a_304_before_any_document() -> None:
    """A 304 at first contact is unreadable, not empty."""
    routes = {INSTANCE: [VM1], EVENTS: [answer(status="304 Not Modified"), IDLE]}
    with feed_on(by_path(routes)) as (feed, _):
        assert unread(feed) == "unasked-304"
        read(feed)


def test_an_unchanged_body_is_not_parsed_again() -> None:
    """The same bytes give the very same events; other bytes are read."""
    routes = {INSTANCE: [VM1], EVENTS: [answer(listed("A")), answer(listed("A")), answer(listed("A", "B"))]}
    with feed_on(by_path(routes)) as (feed, _):
        first, second, third = (read(feed) for _ in range(3))
    assert first.events is second.events
    assert ids(third) == ["A", "B"]


@pytest.mark.parametrize(
    ("next_one", "expected"), [(5, Footing.STEADY), (9, Footing.STEADY), (4, Footing.NEW), (0, Footing.NEW)]
)
def test_an_incarnation_that_went_down(next_one: int, expected: Footing) -> None:
    """A reset is new ground for five minutes; the list itself is read all the same, up or down."""
    clock = ManualClock()
    bodies = [answer(listed("A", incarnation=5)), answer(listed("B", incarnation=next_one))]
    with feed_on(by_path({INSTANCE: [VM1], EVENTS: bodies}), clock=clock) as (feed, _):
        read(feed)
        after = read(feed)
        clock.step_wall(timedelta(hours=-1))
        assert read(feed).footing is expected
        clock.advance(timedelta(minutes=5))
        assert read(feed).footing is Footing.STEADY
    assert ids(after) == ["B"]
    assert (after.incarnation, after.footing) == (next_one, expected)


@pytest.mark.parametrize("date", ["", "soon", "Thu, 01 Jan 2026 00:00:00"])
def test_a_date_that_cannot_be_read_is_no_skew(date: str) -> None:
    """Without a Date header that can be read, nothing is known of the skew."""
    with feed_on(by_path({INSTANCE: [VM1], EVENTS: [answer(listed(), Date=date)]})) as (feed, _):
        assert read(feed).skew is None


# --- acknowledging --------------------------------------------------------------------------------


@contextmanager
def acknowledging(
    reply: bytes, *, then: bytes | None = None
) -> Iterator[tuple[ScheduledEvents, RawPeer, ManualClock]]:
    """A feed that has read event A, over a service that replies so, and lists `then` from there on."""
    clock = ManualClock(datetime(2026, 1, 1, tzinfo=UTC))
    listing = [answer(listed("A"))]

    def script(talk: Talk) -> None:
        while True:
            request = talk.request()
            if request.method == "POST":
                listing[0] = then or listing[0]
                talk.send(reply)
            else:
                talk.send(VM1 if request.path.startswith(INSTANCE) else listing[0])

    with feed_on(script, clock=clock) as (feed, served):
        read(feed)
        yield feed, served, clock


@pytest.mark.parametrize("status", ["200 OK", "204 No Content"])
def test_ack_200_when_already_approved(status: str) -> None:
    """Case 38: 200 is done, whoever approved first."""
    with acknowledging(answer(listed("A"), status=status)) as (feed, served, _):
        assert feed.acknowledge("A") is AckAnswer.DONE
    posted = served.heard[-1]
    assert (posted.method, posted.path) == ("POST", f"{EVENTS}?api-version=2020-07-01")
    assert json.loads(posted.body) == {"StartRequests": [{"EventId": "A"}]}
    assert posted.headers["metadata"] == "true"


def test_ack_400_is_a_bug() -> None:
    """Case 38: a 400 for an event that is still listed is refused for good."""
    reply = answer(b"malformed", status="400 Bad Request")
    with acknowledging(reply) as (feed, _, _), pytest.raises(Refused) as caught:
        feed.acknowledge("A")
    assert caught.value.kind == "http-400"
    assert "malformed" in caught.value.reason


@pytest.mark.parametrize("status", ["403 Forbidden", "405 Method Not Allowed", "401 Unauthorized"])
def test_ack_that_is_refused(status: str) -> None:
    """Other 4xx are a no for good."""
    with acknowledging(answer(status=status)) as (feed, _, _), pytest.raises(Refused):
        feed.acknowledge("A")


@pytest.mark.parametrize(
    ("status", "header", "expected"),
    [
        ("500 Internal Server Error", None, None),
        ("429 Too Many Requests", "7", timedelta(seconds=7)),
        ("503 Service Unavailable", "Thu, 01 Jan 2026 00:00:30 GMT", timedelta(seconds=30)),
        ("503 Service Unavailable", "Wed, 31 Dec 2025 00:00:00 GMT", timedelta(0)),
        ("503 Service Unavailable", "9" * 40, timedelta(hours=1)),
        ("503 Service Unavailable", "soon", None),
        ("410 Gone", None, None),
    ],
)
def test_ack_5xx_is_retried(status: str, header: str | None, expected: timedelta | None) -> None:
    """Case 38: 5xx and 429 ask to be tried again, not before what Retry-After says, within reason."""
    reply = answer(status=status) if header is None else answer(status=status, Retry_After=header)
    with acknowledging(reply) as (feed, _, _), pytest.raises(Transient) as caught:
        feed.acknowledge("A")
    assert expected == caught.value.retry_after
    assert caught.value.kind == f"http-{status[:3]}"


def test_ack_timeout_is_retried() -> None:
    """An acknowledgement without an answer may be tried again."""
    with acknowledging(b"") as (feed, _, _):
        feed._poll_timeout_s = 0.2
        with pytest.raises(Transient) as caught:
            feed.acknowledge("A")
    assert caught.value.kind == "timeout"


@pytest.mark.parametrize("status", ["400 Bad Request", "404 Not Found"])
def test_invalid_event_id(status: str) -> None:
    """Case 43: an id that is no longer listed is gone, whichever way the platform puts it."""
    with acknowledging(answer(status=status), then=answer(listed(incarnation=2))) as (feed, served, _):
        assert feed.acknowledge("A") is AckAnswer.GONE
    assert [request.method for request in served.heard].count("POST") == 1


def test_ack_400_and_then_blind() -> None:
    """A 400 whose meaning cannot be looked up is neither gone nor refused: try again."""
    reply, then = answer(status="400 Bad Request"), answer(b"")
    with acknowledging(reply, then=then) as (feed, _, _), pytest.raises(Transient) as caught:
        feed.acknowledge("A")
    assert caught.value.kind == "ack-unclear"
