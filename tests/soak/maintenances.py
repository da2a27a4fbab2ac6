"""The maintenances of the soak, each of one kind at one VM, from its notice until the VM serves again.

A VM is cut off only once its reboot is Started, so a request that fails was lost by a drain.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from drainer.demo.machine import Machine
from drainer.demo.roll import BACK_WITHIN_S, Stage, serves_again
from drainer.demo.until import pause, until

NOTICE_S = 120
OUT_WITHIN_S = 90.0
DOWN_S = 2.0


class Kind(StrEnum):
    """What the platform does, or what befalls the sidecar meanwhile."""

    FREEZE = "freeze"
    CANCELLED = "cancelled"
    MOVED = "moved"
    STARTED_FIRST = "started-first"
    REBOOT = "reboot"
    REDEPLOY = "redeploy"
    KILLED = "reboot, sidecar killed"
    KILLED_FREEZE = "freeze, sidecar killed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Maintenance:
    """One of the script. `vm` counts from 0; VM 0 keeps its sidecar to the end."""

    kind: Kind
    vm: int


SCRIPT = (
    Maintenance(kind=Kind.FREEZE, vm=0),
    Maintenance(kind=Kind.KILLED, vm=1),
    Maintenance(kind=Kind.CANCELLED, vm=0),
    Maintenance(kind=Kind.REDEPLOY, vm=2),
    Maintenance(kind=Kind.MOVED, vm=0),
    Maintenance(kind=Kind.REBOOT, vm=1),
    Maintenance(kind=Kind.STARTED_FIRST, vm=0),
    Maintenance(kind=Kind.KILLED_FREEZE, vm=2),
)
"""Again and again, in this order."""


def undergo(stage: Stage, maintenance: Maintenance) -> None:
    """Return once the VM serves again. Raises TooLate where the drain or the way back did not come."""
    machine = stage.machines[maintenance.vm]
    event = _announced(stage, machine, maintenance.kind)
    match maintenance.kind:
        case Kind.CANCELLED:
            _wait_out(stage, machine)
            stage.platform.cancel(event)
        case Kind.STARTED_FIRST:
            stage.platform.tell("start", {"id": event})
            _wait_out(stage, machine)
            stage.platform.complete(event)
        case Kind.FREEZE | Kind.MOVED | Kind.KILLED_FREEZE:
            _disturb(stage, machine, maintenance.kind, event)
            _wait_started(stage, machine, event)
            stage.platform.complete(event)
        case Kind.REBOOT | Kind.REDEPLOY | Kind.KILLED:
            _disturb(stage, machine, maintenance.kind, event)
            _wait_started(stage, machine, event)
            _reboot(stage, machine, event)
    until(lambda: serves_again(stage, machine), f"{_name(machine)} to be restored", within_s=BACK_WITHIN_S)


def _announced(stage: Stage, machine: Machine, kind: Kind) -> str:
    told: dict[str, Any] = {"type": "Reboot", "vms": [_name(machine)], "in": f"{NOTICE_S}s", "lasts": "10m"}
    match kind:
        case Kind.FREEZE | Kind.MOVED | Kind.STARTED_FIRST | Kind.KILLED_FREEZE:
            told |= {"type": "Freeze", "duration": "30s"}
        case Kind.REDEPLOY:
            told |= {"type": "Redeploy"}
        case Kind.REBOOT | Kind.KILLED | Kind.CANCELLED:
            pass
    return str(stage.platform.tell("schedule", told)["id"])


def _disturb(stage: Stage, machine: Machine, kind: Kind, event: str) -> None:
    """What happens between the first sign of the drain and the start."""
    if kind is Kind.MOVED:
        until(machine.place.marker.exists, "the drain to begin", within_s=OUT_WITHIN_S)
        stage.platform.tell("change", {"id": event, "in": f"{NOTICE_S + 60}s"})
    if kind in (Kind.KILLED, Kind.KILLED_FREEZE):
        until(machine.place.marker.exists, "the drain to begin", within_s=OUT_WITHIN_S)
        machine.kill_sidecar()
        pause(1.0)
        machine.start_sidecar()


def _wait_out(stage: Stage, machine: Machine) -> None:
    name = _name(machine)
    until(lambda: not stage.front.taking_work()[name], f"{name} to be out", within_s=OUT_WITHIN_S)


def _wait_started(stage: Stage, machine: Machine, event: str) -> None:
    """Until the event is Started, by the sidecar's word or by its time. Raises where the VM still serves."""
    within_s = NOTICE_S + 120.0
    until(lambda: stage.platform.status_of(event) != "Scheduled", "the start", within_s=within_s)
    if stage.front.taking_work()[_name(machine)]:
        raise RuntimeError(f"{_name(machine)}: the maintenance started while it took new work")


def _reboot(stage: Stage, machine: Machine, event: str) -> None:
    machine.power_cut()
    stage.watched.reboots += 1
    pause(DOWN_S)
    machine.boot()
    stage.platform.complete(event)


def _name(machine: Machine) -> str:
    return machine.place.name
