"""What a scenario is made of: the VMs' scopes, the commands given so far, and the values they carry.

Plain values only. What follows from them at some instant is `timeline`'s business.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from metadata_server.faults import Fault
from metadata_server.switches import Switches

# Scheduled Events, "Event properties": a typical event is gone about ten minutes after it started.
USUAL_LASTS = timedelta(minutes=10)
UNKNOWN_INTERRUPTION = -1
_GUID = re.compile(r"[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}")


class EventType(StrEnum):
    """What the platform is about to do."""

    FREEZE = "Freeze"
    REBOOT = "Reboot"
    REDEPLOY = "Redeploy"
    PREEMPT = "Preempt"
    TERMINATE = "Terminate"


class EventSource(StrEnum):
    """Who wants it."""

    PLATFORM = "Platform"
    USER = "User"


# Scheduled Events, "Event scheduling": the least notice of each type (Terminate: the user sets 5 to 15 min).
USUAL_NOTICE: Mapping[EventType, timedelta] = {
    EventType.FREEZE: timedelta(minutes=15),
    EventType.REBOOT: timedelta(minutes=15),
    EventType.REDEPLOY: timedelta(minutes=10),
    EventType.PREEMPT: timedelta(seconds=30),
    EventType.TERMINATE: timedelta(minutes=5),
}


def is_event_id(text: str) -> bool:
    """Whether `text` looks like the platform's ids: a GUID in upper case."""
    return _GUID.fullmatch(text) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """What is fixed before the first command.

    `scopes` maps each VM to those it shares a document with: the name of its set, or its own name.
    """

    started_at: datetime
    scopes: Mapping[str, str]
    switches: Switches = field(default_factory=Switches)


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """An activity is announced."""

    at: datetime
    id: str
    type: EventType
    vms: tuple[str, ...]
    not_before: datetime
    lasts: timedelta
    source: EventSource
    description: str
    interruption_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Fail:
    """A node failed under these VMs: a Reboot that is Started at once."""

    at: datetime
    id: str
    vms: tuple[str, ...]
    lasts: timedelta
    description: str
    interruption_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """The activity begins now, whatever NotBefore said."""

    at: datetime
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Complete:
    """The started activity is over now."""

    at: datetime
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel:
    """The announced activity will not take place."""

    at: datetime
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Approve:
    """A VM that sees the event asks for its start, for all that it names."""

    at: datetime
    id: str
    vm: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Advance:
    """The manual clock moves on."""

    at: datetime
    by: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset:
    """Incarnations of this scope begin anew, as after a day on which nobody asked."""

    at: datetime
    scope: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetSwitch:
    """From now on the platform behaves otherwise at one unconfirmed point."""

    at: datetime
    name: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetFault:
    """From now on the metadata service of this VM misbehaves."""

    at: datetime
    vm: str
    fault: Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class EndFault:
    """The metadata service of this VM behaves again."""

    at: datetime
    vm: str


Command = (
    Schedule | Fail | Start | Complete | Cancel | Approve | Advance | Reset | SetSwitch | SetFault | EndFault
)
