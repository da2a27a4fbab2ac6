"""What the controller can say about events: each function checks the request and gives the command.

All return what the caller is shown. Refusals: Unknown for a VM or event that is not there, Conflict for an
event that is not in the state the verb needs.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from metadata_server.commands import Approve, Cancel, Change, Complete, Fail, Schedule, Start
from metadata_server.control.views import event_view
from metadata_server.errors import Conflict, Problem, Unknown, bad_input
from metadata_server.event import Event, EventStatus
from metadata_server.scenario import (
    UNKNOWN_INTERRUPTION,
    USUAL_LASTS,
    USUAL_NOTICE,
    EventSource,
    EventType,
)
from metadata_server.world import World

Values = Mapping[str, Any]
Shown = dict[str, object]

# Descriptions and interruptions as the platform was seen to give them.
_FREEZE_S = 9
_PLATFORM = "Host server is undergoing maintenance."
_USER = "Virtual machine is going to be restarted as requested by authorized user."
_FAILED = "Virtual machine has encountered a failure."


def schedule(world: World, values: Values) -> Shown:
    """Announce an activity to the VMs of one scope."""
    now = world.now()
    kind: EventType = values["type"]
    source: EventSource = values.get("source", EventSource.PLATFORM)
    when = values.get("in", USUAL_NOTICE[kind])
    scopes = {world.vm(name, field="vms").scope for name in values["vms"]}
    if len(scopes) > 1:
        raise bad_input("vms", expected="VMs of one set, or one VM", found=list(values["vms"]))
    command = Schedule(
        at=now,
        id=_fresh_id(world, values),
        type=kind,
        vms=values["vms"],
        not_before=when if isinstance(when, datetime) else now + when,
        lasts=values.get("lasts", USUAL_LASTS),
        source=source,
        description=values.get("description", _USER if source is EventSource.USER else _PLATFORM),
        interruption_s=values.get(
            "duration", _FREEZE_S if kind is EventType.FREEZE else UNKNOWN_INTERRUPTION
        ),
    )
    world.give(command)
    return event_view(_event(world, command.id))


def fail(world: World, values: Values) -> Shown:
    """A node fails under these VMs: in each scope that is hit, one Reboot that is Started at once."""
    by_scope: dict[str, list[str]] = {}
    for name in values["vms"]:
        by_scope.setdefault(world.vm(name, field="vms").scope, []).append(name)
    ids = [_failed(world, values, tuple(names)) for names in by_scope.values()]
    return {"events": [event_view(_event(world, event_id)) for event_id in ids]}


def change(world: World, values: Values) -> Shown:
    """The platform thinks again: another type, time, interruption or text, under the same id."""
    _in_state(world, values["id"], EventStatus.SCHEDULED)
    now = world.now()
    when = values.get("in")
    command = Change(
        at=now,
        id=values["id"],
        type=values.get("type"),
        not_before=now + when if isinstance(when, timedelta) else when,
        interruption_s=values.get("duration"),
        description=values.get("description"),
    )
    world.give(command)
    return event_view(_event(world, values["id"]))


def start(world: World, values: Values) -> Shown:
    """The activity begins now."""
    _in_state(world, values["id"], EventStatus.SCHEDULED)
    world.give(Start(at=world.now(), id=values["id"]))
    return event_view(_event(world, values["id"]))


def complete(world: World, values: Values) -> Shown:
    """The started activity is over."""
    _in_state(world, values["id"], EventStatus.STARTED)
    world.give(Complete(at=world.now(), id=values["id"]))
    return event_view(_event(world, values["id"]))


def cancel(world: World, values: Values) -> Shown:
    """The announced activity will not take place."""
    _in_state(world, values["id"], EventStatus.SCHEDULED)
    world.give(Cancel(at=world.now(), id=values["id"]))
    return event_view(_event(world, values["id"]))


def approve(world: World, values: Values) -> Shown:
    """Approve as one of the VMs that see the event; without a VM, as the first that it names."""
    event = _event(world, values["id"])
    if event.outcome is not None:
        raise _conflict(event, "an event that is listed")
    vm = world.vm(values.get("vm", event.vms[0]))
    if vm.scope != event.scope:
        raise bad_input("vm", expected="a VM that sees the event", found=vm.name)
    world.give(Approve(at=world.now(), id=event.id, vm=vm.name))
    return event_view(_event(world, event.id))


def _failed(world: World, values: Values, vms: tuple[str, ...]) -> str:
    event_id = world.new_id()
    command = Fail(
        at=world.now(),
        id=event_id,
        vms=vms,
        lasts=values.get("lasts", USUAL_LASTS),
        description=values.get("description", _FAILED),
        interruption_s=values.get("duration", UNKNOWN_INTERRUPTION),
    )
    world.give(command)
    return event_id


def _fresh_id(world: World, values: Values) -> str:
    event_id: str = values.get("id") or world.new_id()
    if world.timeline().find(event_id) is not None:
        raise Conflict([Problem(field="id", expected="an id never used before", found=repr(event_id))])
    return event_id


def _event(world: World, event_id: str) -> Event:
    event = world.timeline().find(event_id)
    if event is None:
        raise Unknown([Problem(field="id", expected="the id of an event", found=repr(event_id))])
    return event


def _in_state(world: World, event_id: str, status: EventStatus) -> None:
    event = _event(world, event_id)
    if event.outcome is not None or event.status is not status:
        raise _conflict(event, f"an event that is {status}")


def _conflict(event: Event, expected: str) -> Conflict:
    found = f"{event.id}, which is {event.outcome or event.status}"
    return Conflict([Problem(field="id", expected=expected, found=found)])
