"""The document that is explained: from a file, in the format of any source, or live."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TypeVar

from drainer.core.model import (
    Addressee,
    Document,
    Event,
    Footing,
    Instant,
    SourceKind,
    Unreadable,
    Vm,
)
from drainer.errors import Refused, Transient
from drainer.ports import Clock
from drainer.settings import SettingInvalid, Settings
from drainer.sources.body import json_object
from drainer.sources.events import parse_scheduled_events
from drainer.sources.legacy_documents import parse_instance_info, parse_maintenance

MOST_BYTES = 1 << 20
T = TypeVar("T")


def live(settings: Settings, clock: Clock) -> Document:
    """The document that is served now. Raises Transient kind "unread" once half a minute gave none."""
    from drainer.once import read
    from drainer.wiring import event_feed

    feed = event_feed(settings, clock)
    try:
        found = read(feed, clock, wait=threading.Event().wait)
    finally:
        feed.close()
    if isinstance(found, Unreadable):
        raise Transient(
            "unread",
            f"no document from {settings.metadata_url}: {found.kind}: {found.reason}; give one by --document",
        )
    return found


def from_file(path: Path, settings: Settings, now: Instant) -> Document:
    """The document in a file. Raises Refused naming what is wrong with it, SettingInvalid without a name."""
    try:
        with path.open("rb") as stream:
            body = stream.read(MOST_BYTES + 1)
    except OSError as error:
        raise Refused("document-unreadable", f"{path}: {error.strerror or error}") from error
    return document_of(body, settings, now, called=str(path))


def document_of(body: bytes, settings: Settings, now: Instant, *, called: str) -> Document:
    """The same from bytes. The source is the one that was named, else the one that it looks like."""
    source = settings.source or _looks_like(body)
    match source:
        case SourceKind.SCHEDULED_EVENTS:
            listing = _read(parse_scheduled_events(body), source, called)
            vm = Vm(name=settings.vm_name or _only_name(listing.events))
            return Document(
                source=source, vm=vm, events=listing.events, read_at=now, incarnation=listing.incarnation
            )
        case SourceKind.MAINTENANCE:
            events = _read(parse_maintenance(body), source, called)
            vm = Vm(name=settings.vm_name)
        case SourceKind.INSTANCE_INFO:
            info = _read(parse_instance_info(body), source, called)
            events, vm = info.events, Vm(name=settings.vm_name or info.name)
    return Document(source=source, vm=vm, events=events, read_at=now, footing=Footing.NEW)


def _looks_like(body: bytes) -> SourceKind:
    """By the members that only one of the three has; what is no strict JSON is as the post prints it."""
    members = json_object(body)
    if isinstance(members, Unreadable):
        return SourceKind.SCHEDULED_EVENTS if b"DocumentIncarnation" in body else SourceKind.INSTANCE_INFO
    if "DocumentIncarnation" in members or "Events" in members:
        return SourceKind.SCHEDULED_EVENTS
    return SourceKind.MAINTENANCE if "EventID" in members or not members else SourceKind.INSTANCE_INFO


def _read(parsed: T | Unreadable, source: SourceKind, called: str) -> T:
    if isinstance(parsed, Unreadable):
        reason = f"{called}: no {source.value} document: {parsed.kind}: {parsed.reason}"
        raise Refused("document-unreadable", reason)
    return parsed


def _only_name(events: tuple[Event, ...]) -> str:
    """The one VM that the events name; a document of many does not say whose reader it speaks to."""
    lists = [event.resources for event in events if not isinstance(event.resources, Addressee)]
    names = sorted({name for names in lists for name in names})
    if len(names) > 1:
        raise SettingInvalid(
            f"--vm-name: expected one of {', '.join(names[:20])}: a Scheduled Events document does not say "
            "whose VM reads it"
        )
    return names[0] if names else ""
