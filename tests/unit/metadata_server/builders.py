"""Small values that the tests speak in: minutes after noon, three VMs, a question as a VM sends it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from metadata_server.clock import ManualClock
from metadata_server.commands import Command, Fail, Schedule
from metadata_server.imds.exchange import Question
from metadata_server.scenario import EventSource, EventType, Scenario
from metadata_server.switches import Switches
from metadata_server.topology import Address, Topology, Vm
from metadata_server.world import World, scenario_for

NOON = datetime(2030, 1, 31, 12, 0, 0, tzinfo=UTC)
ANYWHERE = Address(host="127.0.0.1", port=0)
WEB1 = Vm(name="web1", address=ANYWHERE, set="web", update_domain=0, fault_domain=1)
WEB2 = Vm(name="web2", address=ANYWHERE, set="web", update_domain=1)
LONE = Vm(name="lone", address=ANYWHERE)
TOPOLOGY = Topology(vms=(WEB1, WEB2, LONE))
A, B, C = (f"{digit * 8}-0000-4000-8000-{digit * 12}" for digit in "ABC")


def at(minutes: float) -> datetime:
    """So many minutes after noon."""
    return NOON + timedelta(minutes=minutes)


def scenario(**switches: str) -> Scenario:
    """Three VMs, two of them in one set, from noon on."""
    return scenario_for(TOPOLOGY, started_at=NOON, switches=switched(**switches))


def switched(**values: str) -> Switches:
    """Switches with some set: `switched(ack_body="document")`."""
    switches = Switches()
    for name, value in values.items():
        switches = switches.changed(name.replace("_", "-"), value)
    return switches


def schedule(event_id: str = A, *, minute: float = 0, **changes: Any) -> Schedule:
    """A Reboot of web1, announced at `minute`, NotBefore a quarter of an hour later."""
    plain = Schedule(
        at=at(minute),
        id=event_id,
        type=EventType.REBOOT,
        vms=("web1",),
        not_before=at(minute + 15),
        lasts=timedelta(minutes=10),
        source=EventSource.PLATFORM,
        description="Host server is undergoing maintenance.",
        interruption_s=-1,
    )
    return replace(plain, **changes)


def fail(event_id: str = A, *, minute: float = 0, vms: tuple[str, ...] = ("web1",)) -> Fail:
    """A node failure under `vms`."""
    lasts = timedelta(minutes=10)
    return Fail(at=at(minute), id=event_id, vms=vms, lasts=lasts, description="failed", interruption_s=-1)


def world(
    *past: Command,
    topology: Topology = TOPOLOGY,
    minute: float = 0,
    also: Mapping[str, str] | None = None,
    **switches: str,
) -> World:
    """A world on a manual clock that stands at `minute`, with some commands given before."""
    begun = scenario_for(topology, started_at=NOON, switches=switched(**(also or {}), **switches))
    return World(topology=topology, clock=ManualClock(at(minute)), scenario=begun, past=past)


def ask(url: str, *, vm: str = "web1", method: str = "GET", body: bytes = b"", **headers: str) -> Question:
    """A question with the header that most need; `Metadata=""` leaves it out, `_` in names becomes `-`."""
    sent = {"metadata": "true"} | {name.lower().replace("_", "-"): value for name, value in headers.items()}
    parts = urlsplit(url)
    return Question(
        vm=vm,
        method=method,
        path=parts.path,
        query=tuple(parse_qsl(parts.query, keep_blank_values=True)),
        headers={name: value for name, value in sent.items() if value},
        body=body,
    )


def minutes(instants: Sequence[datetime]) -> list[float]:
    """Instants as minutes after noon."""
    return [(instant - NOON) / timedelta(minutes=1) for instant in instants]
