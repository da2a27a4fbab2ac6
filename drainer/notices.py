"""Notices for people and for programs: one sentence each, and the JSON of `once`.

Pure. What a source does not say is null in JSON and left out of a sentence.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from drainer.core.model import At, Blank, Document, Event, EventSource, EventStatus, Garbled
from drainer.core.naming import names_vm

SCHEMA = 1


def notices_of(document: Document) -> tuple[Event, ...]:
    """The events that name this VM exactly, in the document's order."""
    return tuple(event for event in document.events if names_vm(event, document.vm.name))


def as_json(document: Document) -> dict[str, Any]:
    """`{"schema", "vm", "notices"}` of docs/interfaces.md; a VM without a known name is null."""
    return {
        "schema": SCHEMA,
        "vm": document.vm.name or None,
        "notices": [notice_json(event) for event in notices_of(document)],
    }


def notice_json(event: Event) -> dict[str, Any]:
    """One notice; `duration_s` in seconds, `not_before` RFC 3339 in UTC."""
    return {
        "id": event.id,
        "type": event.type,
        "status": event.status.value or None,
        "not_before": _rfc_3339(event.not_before.at) if isinstance(event.not_before, At) else None,
        "resources": list(event.resources) if isinstance(event.resources, tuple) else None,
        "source": event.source.value or None,
        "duration_s": None if event.duration is None else _seconds(event.duration),
        "description": event.description,
    }


def sentence(event: Event, *, vm: str) -> str:
    """What is about to happen to this VM: who, what, when, and what comes next. One line."""
    told = f"{vm_called(vm)}: {event.type} {_standing(event)}"
    if event.duration is not None:
        told += f", expected interruption {_seconds(event.duration)} s"
    return f"{told}; {_next(event)} (notice {_about(event)})"


def available(vm: str) -> str:
    return f"{vm_called(vm)}: available, no maintenance pending"


def vm_called(vm: str) -> str:
    return f"VM {vm}" if vm else "this VM"


def _standing(event: Event) -> str:
    by = {EventSource.PLATFORM: " by the platform", EventSource.USER: " by a user"}.get(event.source, "")
    if event.status is EventStatus.STARTED:
        return f"started{by}"
    match event.not_before:
        case At(at=at):
            return f"scheduled{by}, not before {_rfc_3339(at)}"
        case Garbled(text=text):
            return f"scheduled{by}, at a time that could not be read ({text!r})"
        case Blank():
            return f"about to happen{by}"


def _next(event: Event) -> str:
    if event.status is EventStatus.STARTED:
        return "it is over when the notice is gone"
    if event.status is EventStatus.UNSTATED:
        return "expect it within five minutes"
    if isinstance(event.not_before, At):
        return "it starts then, or as soon as it is approved"
    return "it may start at any moment"


def _about(event: Event) -> str:
    return f"{event.id}: {event.description}" if event.description else event.id


def _rfc_3339(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _seconds(duration: timedelta) -> int | float:
    seconds = duration.total_seconds()
    return int(seconds) if seconds.is_integer() else seconds
