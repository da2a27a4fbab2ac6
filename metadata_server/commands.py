"""The commands that a scenario is made of, each at its instant.

Plain values only. What follows from them is `timeline`'s business, how they are kept `commandlog`'s.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from metadata_server.faults import Fault
from metadata_server.scenario import EventSource, EventType


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
class Change:
    """The platform thinks again about an announced event; None leaves a member as it was."""

    at: datetime
    id: str
    type: EventType | None = None
    not_before: datetime | None = None
    interruption_s: int | None = None
    description: str | None = None


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """The VM's host vanishes from the network: it answers nothing and closes nothing."""

    at: datetime
    vm: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsilence:
    """The VM's host is back on the network."""

    at: datetime
    vm: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Leave:
    """The VM is no longer a member of this pool."""

    at: datetime
    pool: str
    vm: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Join:
    """The VM is a member of this pool again."""

    at: datetime
    pool: str
    vm: str


EventCommand = Schedule | Fail | Change | Start | Complete | Cancel | Approve
SurroundingsCommand = SetFault | EndFault | Silence | Unsilence | Leave | Join
Command = EventCommand | SurroundingsCommand | Advance | Reset | SetSwitch
