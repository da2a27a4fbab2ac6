"""The emulator's control path against its own OpenAPI document: schemathesis asks it what the document allows
and what it does not, over loopback, and every answer must be one that the document names.

The names of what is there are put into the document that requests are made from; answers are held against both.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi import checks

from metadata_server.arm.roles import ROLES
from metadata_server.config import ClockKind, ServeConfig
from metadata_server.control.openapi import document
from metadata_server.switches import names
from metadata_server.testing import ServedEmulator, serve_in_thread, vms
from metadata_server.topology import Address, Management, Member, Pool, Topology

EVENTS = tuple(f"{digit * 8}-0000-4000-8000-000000000000" for digit in "ABC")
CHECKS = [
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.negative_data_rejection,
]
WITHIN_S = 10.0


@dataclass(slots=True)
class Outcome:
    """What one operation was asked, the statuses that came back, and what is wrong with answers."""

    requests: int = 0
    statuses: set[int] = field(default_factory=set)
    findings: list[str] = field(default_factory=list)


@contextmanager
def served() -> Iterator[ServedEmulator]:
    """Two VMs in one pool with a management API, and an event of each kind: every verb has something to change."""
    here = tuple(Member(vm=name, address=Address(host="127.0.0.1", port=9)) for name in ("vm1", "vm2"))
    topology = Topology(
        vms=vms("vm1", "vm2", set="web"),
        pools=(Pool(name="web", members=here),),
        management=Management(listen=Address(host="127.0.0.1", port=0)),
    )
    with serve_in_thread(ServeConfig(topology=topology, clock=ClockKind.MANUAL)) as emulator:
        for event in EVENTS:
            emulator.control.give("schedule", type="Reboot", vms=["vm1"], id=event)
        emulator.control.give("start", id=EVENTS[-1])
        yield emulator


def labels() -> tuple[str, ...]:
    """Every operation of the document: `POST /schedule`."""
    paths = document()["paths"]
    return tuple(f"{method.upper()} {path}" for path, operations in paths.items() for method in operations)


def explore(label: str, *, examples: int) -> Outcome:
    """Ask one operation so often as its document allows, and so often as it does not."""
    outcome = Outcome()
    method, path = label.split(" ")
    with served() as emulator:
        plain = emulator.control.show("openapi.json")
        allowed, forbidden = (_schema(emulator, each) for each in (named(plain, known(emulator)), plain))
        _asked(allowed[path][method].as_strategy(), examples, outcome)
        with suppress(Unsatisfiable):  # nothing is forbidden where nothing is taken
            negative = forbidden[path][method].as_strategy(generation_mode=GenerationMode.NEGATIVE)
            _asked(negative, examples, outcome)
    return outcome


def _schema(emulator: ServedEmulator, spelled: dict[str, Any]) -> Any:
    schema = schemathesis.openapi.from_dict(spelled)
    schema.config.update(base_url=emulator.control_url)
    return schema


def known(emulator: ServedEmulator) -> dict[str, list[str]]:
    """By field, names of what is there, and one of what is not."""
    resources = [each["id"] for each in emulator.control.show("arm")["resources"]]
    return {
        "vm": ["vm1", "vm2", "nobody"],
        "vms": ["vm1", "vm2", "nobody"],
        "id": list(EVENTS),
        "pool": ["web", "none"],
        "name": [*names(), "none"],
        "value": ["json", "seed", "on", "off", "200", "3s"],
        "roles": [*ROLES, "none"],
        "without": ["Microsoft.Network/networkInterfaces/write", "none"],
        "resource": [*resources, "/subscriptions/none"],
        "body": resources,
    }


def named(plain: dict[str, Any], known_names: dict[str, list[str]]) -> dict[str, Any]:
    """The document with these names in place of any text."""
    spelled = copy.deepcopy(plain)
    for operations in spelled["paths"].values():
        for operation in operations.values():
            body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            for name, of_field in body.get("schema", {}).get("properties", {}).items():
                _name(of_field, known_names.get(name, []))
    return spelled


def _name(spelled: dict[str, Any], choices: list[str]) -> None:
    match spelled.get("type"):
        case _ if not choices:
            return
        case "array":
            spelled["items"]["enum"] = choices
        case "object":
            spelled.update(required=["id"], properties={"id": {"enum": choices}})
        case _:
            spelled["enum"] = choices


def _asked(strategy: Any, examples: int, outcome: Outcome) -> None:
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def ask(case: Any) -> None:
        answer = case.call(timeout=WITHIN_S)
        outcome.requests += 1
        outcome.statuses.add(answer.status_code)
        try:
            case.validate_response(answer, checks=CHECKS)
        except FailureGroup as failures:
            outcome.findings += [f"{_told(each)}: {case.as_curl_command()}" for each in failures.exceptions]

    ask()


def _told(failure: BaseException) -> str:
    return " ".join(str(failure).split())[:300]
