"""Scheduled Events: the document in each of its versions, and the approval of events (StartRequests)."""

import json
from collections.abc import Callable, Mapping

from metadata_server.commands import Approve
from metadata_server.event import Event, EventStatus
from metadata_server.imds.exchange import (
    Answer,
    Question,
    bad_version,
    json_answer,
    not_allowed,
    refusal,
)
from metadata_server.scenario import EventType
from metadata_server.switches import Switches
from metadata_server.timeline import Timeline
from metadata_server.times import format_instant, rfc1123, rfc1123_wrong_weekday
from metadata_server.world import World

# Scheduled Events, "Version and region availability". Instance metadata has a different list.
VERSIONS = (
    "2017-03-01",
    "2017-08-01",
    "2017-11-01",
    "2019-01-01",
    "2019-04-01",
    "2019-08-01",
    "2020-07-01",
)
UNDERSCORED = "2017-03-01"
_TYPE_SINCE = {EventType.PREEMPT: "2017-11-01", EventType.TERMINATE: "2019-01-01"}
_MEMBER_SINCE = {"Description": "2019-04-01", "EventSource": "2019-08-01", "DurationInSeconds": "2020-07-01"}
_NOT_BEFORE: Mapping[str, Callable[..., str]] = {
    "rfc1123": rfc1123,
    "wrong-weekday": rfc1123_wrong_weekday,
    "iso8601": lambda instant: format_instant(instant.replace(microsecond=0)),
}


def respond(question: Question, world: World) -> Answer:
    """The answer to a GET or POST of /metadata/scheduledevents."""
    state = world.timeline()
    version = question.parameter("api-version")
    if version not in VERSIONS or (
        version == "2017-11-01" and state.switches.version_2017_11_01 == "refused"
    ):
        return bad_version()
    match question.method:
        case "GET":
            return _read(question, state, version)
        case "POST":
            return _approve(question, world, version)
        case _:
            return not_allowed("GET", "POST")


def document(state: Timeline, vm: str, version: str) -> dict[str, object]:
    """The document as `version` writes it."""
    seen = state.document(vm)
    events = [event for event in seen.events if _known(event, version, state.switches)]
    return {
        "DocumentIncarnation": int(state.switches.incarnation_start) + seen.changes,
        "Events": [_event(event, version, state.switches) for event in events],
    }


def _read(question: Question, state: Timeline, version: str) -> Answer:
    content = document(state, question.vm, version)
    if state.switches.etag == "off":
        return json_answer(content)
    etag = f'"{content["DocumentIncarnation"]}"'
    headers = (("ETag", etag),)
    if etag in _tags(question.headers.get("if-none-match", "")):
        return Answer(status=304, headers=headers)
    return json_answer(content, headers=headers)


def _tags(header: str) -> set[str]:
    return {tag.strip().removeprefix("W/") for tag in header.split(",")}


def _known(event: Event, version: str, switches: Switches) -> bool:
    return switches.old_versions == "show" or version >= _TYPE_SINCE.get(event.type, version)


def _event(event: Event, version: str, switches: Switches) -> dict[str, object]:
    scheduled = event.status is EventStatus.SCHEDULED
    members: dict[str, object] = {
        "EventId": event.id,
        "EventStatus": event.status.value,
        "EventType": event.type.value,
        "ResourceType": "VirtualMachine",
        "Resources": [_resource(name, version, switches) for name in event.vms],
        "NotBefore": _NOT_BEFORE[switches.not_before](event.not_before) if scheduled else "",
        "Description": event.description,
        "EventSource": event.source.value,
        "DurationInSeconds": event.interruption_s,
    }
    return {key: value for key, value in members.items() if version >= _MEMBER_SINCE.get(key, version)}


def _resource(name: str, version: str, switches: Switches) -> str:
    spelt = {"upper": name.upper(), "lower": name.lower()}.get(switches.resources_case, name)
    return f"_{spelt}" if version == UNDERSCORED else spelt


def _approve(question: Question, world: World, version: str) -> Answer:
    """Approve every event named, or none of them."""
    ids = _requested(question.body)
    if ids is None:
        return refusal(400, "Bad request. The payload is not a valid StartRequests document")
    state = world.timeline()
    seen = {event.id: event for event in state.document(question.vm).events}
    for event_id in ids:
        complaint = _complaint(seen.get(event_id), state.switches)
        if complaint is not None:
            return refusal(400, f"Bad request. {complaint}: {event_id}")
    for event_id in ids:
        if event_id in seen:
            world.give(Approve(at=world.now(), id=event_id, vm=question.vm))
    if state.switches.ack_body == "empty":
        return Answer()
    return json_answer(document(world.timeline(), question.vm, version))


def _complaint(event: Event | None, switches: Switches) -> str | None:
    if event is None:
        return "Unknown EventId" if switches.ack_unknown == "400" else None
    if event.status is EventStatus.STARTED and switches.ack_started == "400":
        return "The event has started"
    return None


def _requested(body: bytes) -> list[str] | None:
    """The ids of a StartRequests document, in upper case; None if it is malformed."""
    try:
        content = json.loads(body)
        ids = [request["EventId"] for request in content["StartRequests"]]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    if not ids or not all(isinstance(event_id, str) for event_id in ids):
        return None
    return [event_id.upper() for event_id in ids]
