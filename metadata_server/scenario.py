"""What is fixed about a scenario, and the words it is told in.

Plain values only. What follows from them at some instant is `timeline`'s business.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

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
