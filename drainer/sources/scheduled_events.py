"""Scheduled Events, polled once a second and acknowledged; facts 2.

Knows the wire: versions, the slow first answer, ETag and 304, what a reply to StartRequests means. It must
not know policy. Not for several threads at once.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import timedelta

from drainer.core.model import AckAnswer, Document, Footing, Instant, SourceKind, Unreadable, elapsed
from drainer.errors import Refused, Transient
from drainer.ports import Clock
from drainer.sources.body import refused_status, status_kind
from drainer.sources.dates import retry_after, skew_of
from drainer.sources.events import Listing, parse_scheduled_events
from drainer.sources.first_contact import FirstContact
from drainer.sources.identity import METADATA, Identity, Nameless
from drainer.transport.http import Answer, HttpPeer

VERSIONS = (
    "2020-07-01",
    "2019-08-01",
    "2019-04-01",
    "2019-01-01",
    "2017-11-01",
    "2017-08-01",
    "2017-03-01",
)
"""Newest first. They are not the versions of the instance document (facts 2a)."""

POLL_TIMEOUT_S = 5.0
UNCONDITIONAL_AFTER = timedelta(seconds=60)
"""How long 304 alone is believed: an incarnation that was reset could bring an old ETag back."""
REFUSALS_BEFORE_RENEWAL = 3
"""So many 400s in a row to a version that worked, and all versions are tried anew, newest first."""
NEW_FOR = timedelta(minutes=5)
"""Events may take this long to flow once the service was switched on (facts 2e)."""

_NAME_UNKNOWN = Unreadable(
    kind="name-unknown",
    reason="there is no instance document here, so --vm-name must say whom the notices name",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """The last believed read: its bytes, what they say, and how to ask whether that changed."""

    body: bytes
    listing: Listing
    etag: str | None
    full_at: Instant


class ScheduledEvents:
    """An `EventFeed`. One `observe` is one request; the one in which the VM's name becomes known is two."""

    def __init__(
        self, peer: HttpPeer, clock: Clock, identity: Identity, *, poll_timeout_s: float = POLL_TIMEOUT_S
    ) -> None:
        self._poll_timeout_s = poll_timeout_s
        self._peer = peer
        self._clock = clock
        self._identity = identity
        self._first_contact = FirstContact(peer, clock)
        self._answered = False
        self._asked = False
        self._name_first = True
        self._version = 0
        self._version_works = False
        self._refusals = 0
        self._known: _Known | None = None
        self._new_since: Instant | None = None

    def observe(self) -> Document | Unreadable:
        """Kinds beside the transport's: enabling, name-unknown, name-mismatch, empty, not-utf8, not-json,
        wrong-shape, unasked-304, http-STATUS, http-other."""
        if self._identity.vm is None and self._name_first:
            who = self._identity.read()
            if isinstance(who, Unreadable):
                return who
            if isinstance(who, Nameless) and self._asked:
                self._name_first = False  # next turn asks whether this service exists at all
                return _NAME_UNKNOWN
        self._asked = self._name_first = True
        return self._read()

    def acknowledge(self, event_id: str) -> AckAnswer:
        """StartRequests for one event; facts 2g. It approves for every VM that the event names."""
        body = json.dumps({"StartRequests": [{"EventId": event_id}]}).encode()
        headers = {**METADATA, "Content-Type": "application/json"}
        answer = self._peer.post(self._path, body, headers=headers, timeout_s=self._poll_timeout_s)
        said = refused_status(answer).reason
        match answer.status:
            case status if 200 <= status < 300:
                return AckAnswer.DONE
            case 404:
                return AckAnswer.GONE
            case 400:
                return self._gone_or_refused(event_id, said)
            case status if status in (408, 410, 425, 429) or status >= 500:
                wait = retry_after(answer, self._clock.now())
                raise Transient(status_kind(status), said, retry_after=wait)
            case status:
                raise Refused(status_kind(status), said)

    def close(self) -> None:
        self._peer.close()
        self._identity.close()

    @property
    def _path(self) -> str:
        return f"/metadata/scheduledevents?api-version={VERSIONS[self._version]}"

    def _gone_or_refused(self, event_id: str, said: str) -> AckAnswer:
        """What 400 means is not documented for an unknown id (facts 2g): the list itself tells."""
        outcome = self._read()
        if isinstance(outcome, Unreadable) and outcome != _NAME_UNKNOWN:
            raise Transient("ack-unclear", f"{said}; then the list could not be read: {outcome.reason}")
        listed = self._known.listing.events if self._known is not None else ()
        if any(event.id == event_id for event in listed):
            raise Refused("http-400", said)
        return AckAnswer.GONE

    def _read(self) -> Document | Unreadable:
        etag = self._condition()
        try:
            answer = self._ask(etag)
        except Transient as error:
            return Unreadable(kind=error.kind, reason=error.reason)
        if isinstance(answer, Unreadable):
            return answer
        if answer.status != 400:
            self._refusals = 0
        match answer.status:
            case 200:
                return self._full(answer)
            case 304:
                return self._unchanged(answer, etag)
            case 400:
                self._try_another_version()
                return refused_status(answer)
            case _:
                return refused_status(answer)

    def _condition(self) -> str | None:
        """The ETag to ask with; None: ask for the whole document."""
        if self._known is None or elapsed(self._known.full_at, self._clock.now()) >= UNCONDITIONAL_AFTER:
            return None
        return self._known.etag

    def _ask(self, etag: str | None) -> Answer | Unreadable:
        if not self._answered:
            return self._first_contact.ask(self._path, METADATA)
        headers = METADATA if etag is None else {**METADATA, "If-None-Match": etag}
        return self._peer.get(self._path, headers=headers, timeout_s=self._poll_timeout_s)

    def _full(self, answer: Answer) -> Document | Unreadable:
        self._answered = True
        listing = self._listing(answer.body)
        if isinstance(listing, Unreadable):
            return listing
        now = self._clock.now()
        if self._is_new(listing):
            self._new_since = now
        self._version_works = True
        etag = answer.headers.get("ETag")
        self._known = _Known(body=answer.body, listing=listing, etag=etag, full_at=now)
        return self._document(listing, answer, now)

    def _listing(self, body: bytes) -> Listing | Unreadable:
        """The same bytes say the same: they are not parsed again."""
        if self._known is not None and self._known.body == body:
            return self._known.listing
        return parse_scheduled_events(body)

    def _is_new(self, listing: Listing) -> bool:
        """The service was switched on just now, or forgot: its silence means less for some minutes."""
        if self._known is None:
            return self._first_contact.slow
        return listing.incarnation < self._known.listing.incarnation

    def _unchanged(self, answer: Answer, etag: str | None) -> Document | Unreadable:
        if self._known is None or etag is None or answer.headers.get("ETag", etag) != etag:
            self._forget_etag()
            return Unreadable(kind="unasked-304", reason="answered 304, which was not asked for")
        return self._document(self._known.listing, answer, self._clock.now())

    def _document(self, listing: Listing, answer: Answer, now: Instant) -> Document | Unreadable:
        vm = self._identity.vm
        if vm is None:
            return _NAME_UNKNOWN
        return Document(
            source=SourceKind.SCHEDULED_EVENTS,
            vm=vm,
            events=listing.events,
            read_at=now,
            incarnation=listing.incarnation,
            skew=skew_of(answer, now),
            footing=self._footing(now),
        )

    def _footing(self, now: Instant) -> Footing:
        if self._new_since is None or elapsed(self._new_since, now) >= NEW_FOR:
            return Footing.STEADY
        return Footing.NEW

    def _try_another_version(self) -> None:
        """Step to the next older version, round and round, until one works; leave one that works alone."""
        self._refusals += 1
        if not self._version_works:
            self._version = (self._version + 1) % len(VERSIONS)
        elif self._refusals >= REFUSALS_BEFORE_RENEWAL:
            self._version, self._version_works = 0, False
            self._forget_etag()

    def _forget_etag(self) -> None:
        if self._known is not None:
            self._known = replace(self._known, etag=None)


def scheduled_events(base_url: str, *, clock: Clock, vm_name: str, lifetime_s: float) -> ScheduledEvents:
    """The feed with connections of its own: one for the poll, one until the VM's name is known."""
    identity = Identity(HttpPeer(base_url, lifetime_s=lifetime_s), clock, given=vm_name)
    return ScheduledEvents(HttpPeer(base_url, lifetime_s=lifetime_s), clock, identity)
