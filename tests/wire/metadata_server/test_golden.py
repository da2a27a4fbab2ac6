"""Whole answers to the byte, kept under `tests/golden/imds` where the URL would look for them.

The scenario is the same for all: one VM, a manual clock at noon, and at most one reboot. To accept new
bytes, write them there by hand: these files are the contract.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from metadata_server.config import ClockKind, ServeConfig
from metadata_server.imds.scheduled_events import VERSIONS
from metadata_server.testing import ServedEmulator, serve_in_thread
from metadata_server.topology import Address, Topology, Vm
from tests.wire.metadata_server.wire import METADATA, ask

GOLDEN = Path(__file__).parents[2] / "golden" / "imds"
NOON = datetime(2030, 1, 31, 12, 0, 0, tzinfo=UTC)
EVENT = "C7061BAC-AFDC-4513-B24B-AA5F13A16123"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One file: what to ask, in which state of the scenario, and the status to expect."""

    file: str
    url: str
    state: str = "idle"
    status: int = 200
    v1: str = "seed"
    headers: dict[str, str] = field(default_factory=lambda: METADATA)
    method: str = "GET"


V1 = "/metadata/v1"
EVENTS = "/metadata/scheduledevents"
INSTANCE = "/metadata/instance"
NEWEST = f"{EVENTS}?api-version=2020-07-01"
INSTANCES = ("2017-04-02", "2018-10-01", "2021-02-01", "2025-04-07")
CASES = [
    Case(file="metadata/v1/InstanceInfo/idle.txt", url=f"{V1}/InstanceInfo", headers={}),
    Case(file="metadata/v1/InstanceInfo/reboot.txt", url=f"{V1}/InstanceInfo", state="soon", headers={}),
    Case(file="metadata/v1/InstanceInfo/reboot.txt", url=f"{V1}/InstanceInfo", state="started", headers={}),
    Case(file="metadata/v1/InstanceInfo/idle.json", url=f"{V1}/InstanceInfo", v1="json"),
    Case(
        file="metadata/v1/InstanceInfo/reboot.json",
        url=f"{V1}/InstanceInfo",
        state="soon",
        v1="json",
    ),
    Case(file="metadata/v1/maintenance/idle.json", url=f"{V1}/maintenance", headers={}),
    Case(file="metadata/v1/maintenance/reboot.json", url=f"{V1}/maintenance", state="soon", headers={}),
    *(
        Case(
            file=f"metadata/scheduledevents/{version}/{state}.json",
            url=f"{EVENTS}?api-version={version}",
            state=state,
        )
        for version in VERSIONS
        for state in ("idle", "scheduled", "started", "finished")
    ),
    *(
        Case(file=f"metadata/instance/{version}.json", url=f"{INSTANCE}?api-version={version}")
        for version in INSTANCES
    ),
    Case(
        file="metadata/instance/compute/2025-04-07.txt",
        url=f"{INSTANCE}/compute?api-version=2025-04-07&format=text",
    ),
    Case(file="metadata/versions.json", url="/metadata/versions"),
    Case(file="errors/no-header.json", url=NEWEST, status=400, headers={}),
    Case(
        file="errors/forwarded.json",
        url=NEWEST,
        status=400,
        headers={**METADATA, "X-Forwarded-For": "10.0.0.1"},
    ),
    Case(file="errors/repeated-parameter.json", url=f"{NEWEST}&x=1&x=1", status=400),
    Case(file="errors/api-version.json", url=EVENTS, status=400),
    Case(file="errors/api-version.json", url=f"{INSTANCE}?api-version=2000-01-01", status=400),
    Case(file="errors/not-found.json", url="/metadata/nothing", status=404),
    Case(file="errors/not-allowed.json", url=NEWEST, status=405, method="DELETE"),
    Case(file="errors/malformed-approval.json", url=NEWEST, status=400, method="POST"),
]


class Stage:
    """One emulator for each state of the scenario, started when it is first needed."""

    def __init__(self) -> None:
        self._served: dict[str, ServedEmulator] = {}

    def at(self, state: str) -> ServedEmulator:
        if state not in self._served:
            machine = Vm(name="myInstanceVM1", address=Address(host="127.0.0.1", port=0))
            topology = Topology(vms=(machine,))
            config = ServeConfig(topology=topology, clock=ClockKind.MANUAL, starts_at=NOON)
            self._served[state] = serve_in_thread(config)
            lead(self._served[state], state)
        return self._served[state]

    def close(self) -> None:
        for served in self._served.values():
            served.close()


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    stage.close()


def lead(emulator: ServedEmulator, state: str) -> None:
    """Bring the scenario into a state."""
    if state == "idle":
        return
    emulator.control.give("schedule", type="Reboot", vms=["myInstanceVM1"], in_="15m", id=EVENT)
    minutes = {"scheduled": 0, "soon": 11, "started": 15, "finished": 25}[state]
    emulator.control.give("advance", by=f"{minutes}m")


@pytest.mark.parametrize("case", CASES, ids=[f"{case.file} {case.state} {case.url}" for case in CASES])
def test_golden(stage: Stage, case: Case) -> None:
    """The answer is the golden body, byte for byte."""
    emulator = stage.at(case.state)
    emulator.control.give("switch", name="v1", value=case.v1)
    reply = ask(emulator.url("myInstanceVM1"), case.url, method=case.method, headers=case.headers)
    assert reply.status == case.status
    assert reply.body == (GOLDEN / case.file).read_bytes()


def test_every_golden_body_is_asked_for() -> None:
    """No file lies in the golden tree that no case compares with."""
    kept = {str(path.relative_to(GOLDEN)) for path in GOLDEN.rglob("[!.]*") if path.is_file()}
    assert kept == {case.file for case in CASES}
