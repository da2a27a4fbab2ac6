"""One maintenance event and its life: Scheduled, Started, gone.

Pure values: each verb returns the event as it is afterwards, and the same event where it does not apply.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self, TypeVar

from metadata_server.commands import Change, Fail, Schedule
from metadata_server.scenario import EventSource, EventType

_T = TypeVar("_T")


class EventStatus(StrEnum):
    """What the platform says about an event while it is listed."""

    SCHEDULED = "Scheduled"
    STARTED = "Started"


class Outcome(StrEnum):
    """Why an event is no longer listed; the platform itself never tells."""

    COMPLETED = "Completed"
    CANCELLED = "Cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An activity of the platform that some VMs of one scope will feel."""

    id: str
    type: EventType
    vms: tuple[str, ...]
    scope: str
    source: EventSource
    description: str
    interruption_s: int
    announced_at: datetime
    not_before: datetime
    lasts: timedelta
    approved_by: tuple[str, ...] = ()
    approved_for: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    outcome: Outcome | None = None

    @classmethod
    def announced(cls, command: Schedule | Fail, *, scope: str, at: datetime) -> Self:
        """The event that a command brings into the world, a failure's already Started."""
        planned = isinstance(command, Schedule)
        return cls(
            id=command.id,
            type=command.type if isinstance(command, Schedule) else EventType.REBOOT,
            vms=command.vms,
            scope=scope,
            source=command.source if isinstance(command, Schedule) else EventSource.PLATFORM,
            description=command.description,
            interruption_s=command.interruption_s,
            announced_at=at,
            not_before=command.not_before if isinstance(command, Schedule) else at,
            lasts=command.lasts,
            started_at=None if planned else at,
        )

    @property
    def status(self) -> EventStatus:
        return EventStatus.SCHEDULED if self.started_at is None else EventStatus.STARTED

    @property
    def next_at(self) -> datetime | None:
        """When this event changes by the passing of time alone; None once it is gone."""
        if self.outcome is not None:
            return None
        if self.started_at is not None:
            return self.started_at + self.lasts
        return min(self.not_before, self.approved_for or self.not_before)

    @property
    def visible(self) -> tuple[object, ...]:
        """All that a reader could tell two moments of this event apart by."""
        shown = self.not_before if self.started_at is None else None
        fixed = (self.id, self.type, self.vms, self.source, self.description, self.interruption_s)
        return (*fixed, self.status, shown)

    def at(self, instant: datetime) -> Self:
        """The event after the change that falls due at `instant`, if one does."""
        if self.next_at is None or self.next_at > instant:
            return self
        if self.started_at is None:
            return self.started(instant)
        return self.ended(instant, Outcome.COMPLETED)

    def started(self, at: datetime) -> Self:
        return self if self.started_at is not None else replace(self, started_at=at)

    def ended(self, at: datetime, outcome: Outcome) -> Self:
        """Gone: completed only from Started, cancelled only from Scheduled."""
        completes = outcome is Outcome.COMPLETED
        if completes != (self.started_at is not None):
            return self
        return replace(self, ended_at=at, outcome=outcome)

    def changed(self, command: Change) -> Self:
        """With other members while it is Scheduled; a started event has no NotBefore to move."""
        if self.started_at is not None:
            return self
        return replace(
            self,
            type=command.type or self.type,
            not_before=command.not_before or self.not_before,
            interruption_s=_either(command.interruption_s, self.interruption_s),
            description=_either(command.description, self.description),
        )

    def approved(self, *, by: str, starts_at: datetime) -> Self:
        """Approved for every VM it names: the first approval counts, later ones are only remembered."""
        if by in self.approved_by or self.started_at is not None:
            return self
        return replace(self, approved_by=(*self.approved_by, by), approved_for=self.approved_for or starts_at)


def _either(new: _T | None, old: _T) -> _T:
    return old if new is None else new
