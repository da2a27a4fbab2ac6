"""The table of verbs: name, fields and effect. The HTTP path, OpenAPI and the command line all read it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from metadata_server.arm.faults import ArmFaultKind
from metadata_server.control import events, managing, surroundings
from metadata_server.control.fields import (
    ACTIONS,
    COUNT,
    ID,
    INTERRUPTION,
    LASTING,
    LOCATION,
    MOMENT,
    OBJECT,
    PATH,
    ROLES,
    SPAN,
    STATUS,
    TEXT,
    TURN,
    VM,
    VMS,
    Field,
    Presence,
    one_of,
)
from metadata_server.faults import FaultKind
from metadata_server.scenario import EventSource, EventType
from metadata_server.world import World

_LASTS = Field(name="lasts", kind=LASTING, about="how long it stays Started (default 10m), unless completed")
_INTERRUPTION = Field(name="duration", kind=INTERRUPTION, about="the interruption that the event announces")
_DESCRIPTION = Field(name="description", kind=TEXT, about="the text of the event")
_EVENT = Field(name="id", kind=ID, about="the event", presence=Presence.REQUIRED)
_VM = Field(name="vm", kind=VM, about="the VM", presence=Presence.REQUIRED)
_POOL = Field(name="pool", kind=TEXT, about="the pool (default: all that the VM was in)")
_VMS = Field(name="vms", kind=VMS, about="the VMs it concerns", presence=Presence.REQUIRED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verb:
    """One thing the controller can be told; `positional` fields need no option on the command line."""

    name: str
    about: str
    fields: tuple[Field, ...]
    act: Callable[[World, Mapping[str, Any]], dict[str, object]]
    positional: tuple[str, ...] = ()


VERBS = (
    Verb(
        name="schedule",
        about="announce an activity; replies with the event",
        fields=(
            Field(name="type", kind=one_of(EventType), about="what will happen", presence=Presence.REQUIRED),
            _VMS,
            Field(
                name="in", kind=MOMENT, about="NotBefore: from now, or an instant (default: the usual notice)"
            ),
            _INTERRUPTION,
            _LASTS,
            Field(name="source", kind=one_of(EventSource), about="who wants it (default Platform)"),
            _DESCRIPTION,
            Field(name="id", kind=ID, about="the event's id (default: a new one)"),
        ),
        act=events.schedule,
    ),
    Verb(
        name="fail",
        about="a node fails under these VMs: a Reboot, Started at once; replies with an event per set",
        fields=(_VMS, _INTERRUPTION, _LASTS, _DESCRIPTION),
        act=events.fail,
    ),
    Verb(
        name="change",
        about="the platform thinks again about a Scheduled event",
        fields=(
            _EVENT,
            Field(name="type", kind=one_of(EventType), about="what will happen instead"),
            Field(name="in", kind=MOMENT, about="another NotBefore: from now, or an instant"),
            _INTERRUPTION,
            _DESCRIPTION,
        ),
        act=events.change,
        positional=("id",),
    ),
    Verb(
        name="start",
        about="a Scheduled event starts now",
        fields=(_EVENT,),
        act=events.start,
        positional=("id",),
    ),
    Verb(
        name="complete",
        about="a Started event is over now",
        fields=(_EVENT,),
        act=events.complete,
        positional=("id",),
    ),
    Verb(
        name="cancel",
        about="a Scheduled event will not take place",
        fields=(_EVENT,),
        act=events.cancel,
        positional=("id",),
    ),
    Verb(
        name="approve",
        about="approve an event, as a VM that sees it does with StartRequests",
        fields=(_EVENT, Field(name="vm", kind=VM, about="who approves (default: the first VM it names)")),
        act=events.approve,
        positional=("id",),
    ),
    Verb(
        name="advance",
        about="move the manual clock on",
        fields=(Field(name="by", kind=SPAN, about="how far", presence=Presence.REQUIRED),),
        act=surroundings.advance,
        positional=("by",),
    ),
    Verb(
        name="reset",
        about="let incarnations begin anew for all who share a document with this VM",
        fields=(_VM,),
        act=surroundings.reset,
    ),
    Verb(
        name="switch",
        about="behave otherwise at one unconfirmed point",
        fields=(
            Field(name="name", kind=TEXT, about="the switch", presence=Presence.REQUIRED),
            Field(name="value", kind=TEXT, about="its value from now on", presence=Presence.REQUIRED),
        ),
        act=surroundings.switch,
        positional=("name", "value"),
    ),
    Verb(
        name="fault",
        about="misbehave towards one VM until mended",
        fields=(
            _VM,
            Field(name="kind", kind=one_of(FaultKind), about="what goes wrong", presence=Presence.REQUIRED),
            Field(name="status", kind=STATUS, about="the status of kinds status and html"),
            Field(name="delay", kind=SPAN, about="the delay of kind delay"),
            Field(name="path", kind=PATH, about="only paths that begin so (default: all)"),
            Field(name="location", kind=LOCATION, about="where kind redirect sends the client"),
        ),
        act=surroundings.fault,
    ),
    Verb(name="mend", about="end every fault of one VM", fields=(_VM,), act=surroundings.mend),
    Verb(
        name="silence",
        about="the VM's host vanishes: behind the balancers it answers nothing and closes nothing",
        fields=(_VM,),
        act=surroundings.silence,
    ),
    Verb(name="unsilence", about="the VM's host is back", fields=(_VM,), act=surroundings.unsilence),
    Verb(
        name="leave",
        about="take the VM out of a pool, or of all",
        fields=(_VM, _POOL),
        act=surroundings.leave,
    ),
    Verb(
        name="join",
        about="put the VM back into a pool, or into all",
        fields=(_VM, _POOL),
        act=surroundings.join,
    ),
    Verb(
        name="arm-fault",
        about="the management API misbehaves until mended",
        fields=(
            Field(
                name="kind", kind=one_of(ArmFaultKind), about="what goes wrong", presence=Presence.REQUIRED
            ),
            Field(name="every", kind=TURN, about="only every so many requests that it could hit (default 1)"),
            Field(name="times", kind=COUNT, about="so often in all (default: without end)"),
            Field(name="method", kind=TEXT, about="only GET, or only PUT"),
            Field(name="path", kind=TEXT, about="only paths with this in them"),
            Field(name="vm", kind=VM, about="only this VM's requests"),
            Field(name="retry", kind=COUNT, about="Retry-After, in seconds"),
            Field(name="delay", kind=SPAN, about="the delay of kind slow (default 3s)"),
            Field(name="location", kind=LOCATION, about="where kind redirect sends the client"),
        ),
        act=managing.fault,
    ),
    Verb(name="arm-mend", about="end every fault of the management API", fields=(), act=managing.mend),
    Verb(
        name="arm-put",
        about="an operator's write of a resource, past roles and operations",
        fields=(Field(name="body", kind=OBJECT, about="the whole resource", presence=Presence.REQUIRED),),
        act=managing.put,
    ),
    Verb(
        name="arm-delete",
        about="an operator's deletion of a resource or a pool, with every reference to it",
        fields=(Field(name="resource", kind=TEXT, about="its resource id", presence=Presence.REQUIRED),),
        act=managing.delete,
        positional=("resource",),
    ),
    Verb(
        name="assign",
        about="give a VM's identities roles of the management API",
        fields=(
            _VM,
            Field(
                name="roles",
                kind=ROLES,
                about="the roles, instead of those it had",
                presence=Presence.REQUIRED,
            ),
            Field(name="without", kind=ACTIONS, about="single actions that are taken out of them"),
        ),
        act=managing.assign,
    ),
)
