"""What to serve, as one value; it needs no server to be read."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from metadata_server.switches import Switches
from metadata_server.topology import Address, Topology


class ClockKind(StrEnum):
    """Whose time the scenario follows."""

    REAL = "real"
    MANUAL = "manual"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeConfig:
    """What to serve; `control` None means no control path, `state` None that nothing survives a restart."""

    topology: Topology
    control: Address | None = None
    clock: ClockKind = ClockKind.REAL
    starts_at: datetime | None = None
    state: Path | None = None
    switches: Switches = field(default_factory=Switches)
