"""The Scheduled Events document, parsed: bytes in, events or `Unreadable` out. Pure.

What says whom an event names, what it is and where it stands (EventId, EventType, EventStatus, Resources)
is read strictly: without it nobody knows whom to drain, so the whole document is unreadable. Every other
member of an event is advice: one that makes no sense is "unknown" and blinds nobody. Facts 2b–2d.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from drainer.core.model import Event, EventSource, EventStatus, Unreadable
from drainer.sources.body import JsonObject, json_object, wrong_shape
from drainer.sources.not_before import read_not_before

_STATUSES = {"Scheduled": EventStatus.SCHEDULED, "Started": EventStatus.STARTED}
_SOURCES = {"Platform": EventSource.PLATFORM, "User": EventSource.USER}


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What one Scheduled Events document says."""

    incarnation: int
    events: tuple[Event, ...]


def parse_scheduled_events(body: bytes) -> Listing | Unreadable:
    """Never raises. `{}` and a document without its incarnation are not this document: unreadable."""
    document = json_object(body)
    if isinstance(document, Unreadable):
        return document
    incarnation = _whole(document.get("DocumentIncarnation"))
    if incarnation is None:
        return wrong_shape("expected DocumentIncarnation to be an integer")
    entries = document.get("Events")
    if not isinstance(entries, list):
        return wrong_shape("expected Events to be a list")
    events = _distinct(_event(entry) for entry in entries)
    return events if isinstance(events, Unreadable) else Listing(incarnation=incarnation, events=events)


def _distinct(parsed: Iterable[Event | Unreadable]) -> tuple[Event, ...] | Unreadable:
    """One event per id. The same again is dropped; one id with two meanings leaves nothing to believe."""
    events: dict[str, Event] = {}
    for event in parsed:
        if isinstance(event, Unreadable):
            return event
        if events.setdefault(event.id, event) != event:
            return wrong_shape(f"EventId {event.id!r} stands twice, with two meanings")
    return tuple(events.values())


def _event(entry: Any) -> Event | Unreadable:
    if not isinstance(entry, dict):
        return wrong_shape(f"expected an event to be an object, got {str(entry)[:100]!r}")
    event_id, event_type = _word(entry.get("EventId")), _word(entry.get("EventType"))
    status = _STATUSES.get(str(entry.get("EventStatus")))
    resources = _resources(entry.get("Resources"))
    if event_id is None or event_type is None or status is None or resources is None:
        return wrong_shape(f"expected EventId, EventType, EventStatus and Resources in {str(entry)[:300]}")
    return Event(
        id=event_id,
        type=event_type,
        status=status,
        not_before=read_not_before(entry.get("NotBefore")),
        resources=resources,
        source=_source(entry),
        duration=_duration(entry.get("DurationInSeconds")),
        description=_description(entry),
    )


def _word(value: object) -> str | None:
    return value if isinstance(value, str) and value.strip() else None


def _whole(value: object) -> int | None:
    """An integer of JSON, which writes 2 and 2.0 alike; text is none."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _resources(value: object) -> tuple[str, ...] | None:
    """Names as written, blanks around them and blank entries dropped. An empty list names nobody."""
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        return None
    return tuple(name.strip() for name in value if name.strip())


def _source(entry: JsonObject) -> EventSource:
    return _SOURCES.get(str(entry.get("EventSource")), EventSource.UNSTATED)


def _duration(value: object) -> timedelta | None:
    """Seconds; −1, absent and nonsense are all unknown, which no `duration_below` matches."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0:
        return None
    try:
        return timedelta(seconds=value)
    except OverflowError:
        return None


def _description(entry: JsonObject) -> str | None:
    value = entry.get("Description")
    return value if isinstance(value, str) else None
