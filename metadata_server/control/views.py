"""The scenario as the controller shows it: plain JSON values with a stable shape."""

from datetime import datetime

from metadata_server.clock import ManualClock
from metadata_server.directory import Directory
from metadata_server.event import Event
from metadata_server.identities import Identity, identities
from metadata_server.switches import Switches, about, choices, names
from metadata_server.times import format_instant
from metadata_server.world import World


def event_view(event: Event) -> dict[str, object]:
    """One event, gone ones included."""
    return {
        "id": event.id,
        "type": event.type.value,
        "status": (event.outcome or event.status).value,
        "vms": list(event.vms),
        "scope": event.scope,
        "source": event.source.value,
        "description": event.description,
        "duration_s": event.interruption_s,
        "lasts_s": event.lasts.total_seconds(),
        "announced_at": format_instant(event.announced_at),
        "not_before": format_instant(event.not_before),
        "approved_by": list(event.approved_by),
        "started_at": _instant(event.started_at),
        "ended_at": _instant(event.ended_at),
    }


def events_view(world: World, *, gone: str) -> dict[str, object]:
    """All listed events; with `gone="shown"` those that are over too, in the order of their announcement."""
    state = world.timeline()
    events = (*state.past, *state.events) if gone == "shown" else state.events
    ordered = sorted(events, key=lambda event: event.announced_at)
    return {**clock_view(world), "events": [event_view(event) for event in ordered]}


def clock_view(world: World) -> dict[str, object]:
    """What time it is, and who decides that."""
    kind = "manual" if isinstance(world.clock, ManualClock) else "real"
    return {"now": format_instant(world.now()), "clock": kind}


def vms_view(world: World, directory: Directory) -> dict[str, object]:
    """Every VM, and where its metadata service listens."""
    return {
        "vms": [
            {
                "name": vm.name,
                "url": f"http://{directory.address(vm.name)}",
                "source": vm.source,
                "update_domain": vm.update_domain,
                "fault_domain": vm.fault_domain,
                "set": vm.set,
                "zone": vm.zone,
                "identities": [_identity(identity) for identity in identities(vm)],
            }
            for vm in world.topology.vms
        ]
    }


def _identity(identity: Identity) -> dict[str, str]:
    return {
        "name": identity.name,
        "client_id": identity.principal.client_id,
        "object_id": identity.principal.object_id,
        "resource_id": identity.resource_id,
    }


def switches_view(world: World) -> dict[str, object]:
    """Every switch."""
    switches = world.timeline().switches
    return {"switches": [switch_view(switches, name) for name in names()]}


def switch_view(switches: Switches, name: str) -> dict[str, object]:
    """One switch: its value, the values it takes, and what it decides."""
    return {"name": name, "value": switches.shown(name), "takes": choices(name), "about": about(name)}


def faults_view(world: World) -> dict[str, object]:
    """Every fault in force."""
    return {
        "faults": [
            {
                "vm": vm,
                "kind": fault.kind.value,
                "status": fault.status,
                "delay_s": fault.delay_s,
                "path": fault.path,
                "location": fault.location,
            }
            for vm, faults in world.timeline().faults.items()
            for fault in faults
        ]
    }


def _instant(instant: datetime | None) -> str | None:
    return None if instant is None else format_instant(instant)
