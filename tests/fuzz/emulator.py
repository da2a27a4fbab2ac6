"""The emulator's own inputs: topologies, facts, a command log, the control path, questions of VMs."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime

from metadata_server import topologyfile
from metadata_server.clock import ManualClock
from metadata_server.commandlog import FILE, CommandLog
from metadata_server.control.fields import read
from metadata_server.control.verbs import VERBS
from metadata_server.errors import BadInput, BrokenLog, EmulatorError
from metadata_server.facts import load_facts
from metadata_server.imds.exchange import Question
from metadata_server.imds.service import respond
from metadata_server.switches import Switches
from metadata_server.topology import Address, Topology, Vm
from metadata_server.world import World, scenario_for
from tests.fuzz.target import Form, Target, folder

NOON = datetime(2030, 1, 31, 12, tzinfo=UTC)
FREE = Address(host="127.0.0.1", port=0)
TOPOLOGY = Topology(vms=(Vm(name="vm1", address=FREE, set="web"), Vm(name="vm2", address=FREE, set="web")))
EVENT = "AAAAAAAA-0000-4000-8000-AAAAAAAAAAAA"


def topology(content: bytes) -> None:
    """A topology, or problems that each have a place on one line."""
    try:
        topologyfile.parse(content.decode("utf-8", "replace"), file="t")
    except topologyfile.BadTopology as bad:
        assert bad.problems
        assert all(problem.line >= 1 and problem.column >= 1 for problem in bad.problems)


def facts(content: bytes) -> None:
    """Switches, or BadInput that names each wrong fact."""
    path = folder() / "facts.json"
    path.write_bytes(content)
    try:
        load_facts(path)
    except BadInput as bad:
        assert bad.problems


def command_log(content: bytes) -> None:
    """A log replays or is broken; opened, it has a beginning."""
    (folder() / FILE).write_bytes(content)
    try:
        log = CommandLog.open(folder(), started_at=NOON, clock="manual")
    except BrokenLog:
        return
    log.close()
    with suppress(EmulatorError):
        _world(log)


def control(content: bytes) -> None:
    """A line is a verb and its fields: it takes effect or is refused, and what follows can be shown."""
    world = _world()
    for line in content.split(b"\n")[:8]:
        try:
            told = json.loads(line)
        except (ValueError, RecursionError):
            continue
        name = told.pop("verb", None) if isinstance(told, dict) else None
        verb = next((each for each in VERBS if each.name == name), None)
        if verb is None:
            continue
        with suppress(EmulatorError):
            shown = verb.act(world, read(verb.fields, told))
            json.dumps(shown, ensure_ascii=False).encode()
    assert respond(_question("vm1"), world).status < 500


def question(content: bytes) -> None:
    """Every question is answered with a status below 500 and a body that can be sent."""
    method, path, query, header, body, *_ = (*content.split(b"\0", 4), b"", b"", b"", b"", b"")
    pairs = (pair.partition("=") for pair in query.decode("latin-1").split("&"))
    headers = (line.partition(":") for line in header.decode("latin-1").casefold().split("\n"))
    asked = Question(
        vm="vm1",
        method=method.decode("latin-1"),
        path=path.decode("latin-1"),
        query=tuple((name, value) for name, _, value in pairs),
        headers={name.strip(): value.strip() for name, _, value in headers},
        body=body,
    )
    assert respond(asked, _world()).status < 500


def _question(vm: str) -> Question:
    query = (("api-version", "2020-07-01"),)
    return Question(
        vm=vm, method="GET", path="/metadata/scheduledevents", query=query, headers={"metadata": "true"}
    )


def _world(log: CommandLog | None = None) -> World:
    scenario = scenario_for(TOPOLOGY, started_at=NOON, switches=Switches())
    past = log.commands if log is not None else ()
    return World(topology=TOPOLOGY, clock=ManualClock(NOON), scenario=scenario, past=past)


TOPOLOGY_SEED = b"""version: 1
vms:
  - {name: vm1, address: "127.0.0.1:0", source: 10.0.0.4, update_domain: 1, identities: [system]}
  - {name: vm2, address: "127.0.0.1:0", source: 10.0.0.5}
pools:
  - {name: web, members: [{vm: vm1, address: "10.0.0.4:80"}], probe: {protocol: http, path: /ready, interval: 5s}}
balancers:
  - {listen: "127.0.0.1:0", pool: web, affinity: source}
applications:
  - {name: a, vm: vm1, address: "10.0.0.4:80"}
"""

TARGETS = (
    Target(
        name="emulator-topology",
        one=topology,
        under=("metadata_server.topologyfile", "metadata_server.yamlreader", "metadata_server.topology"),
        seeds=lambda: (TOPOLOGY_SEED,),
        longest=8192,
        words=("vms:", "pools:", "*a", "&a ", "<<: ", "!!binary ", "[[[[", "management:", "\x00", "9" * 4301),
    ),
    Target(
        name="emulator-facts",
        one=facts,
        under=("metadata_server.facts",),
        seeds=lambda: (b'{"schema": 1, "facts": {"ack-unknown": 200, "if_match": "ignored"}}',),
        form=Form.JSON,
        words=("schema", "facts", "ack-unknown", "if-match", "[" * 64),
        longest=32768,
    ),
    Target(
        name="emulator-log",
        one=command_log,
        under=("metadata_server.commandlog", "metadata_server.commands", "metadata_server.scenario"),
        seeds=lambda: (
            b'{"kind":"Begin","version":1,"at":"2030-01-31T12:00:00+00:00","clock":"manual"}\n'
            b'{"kind":"Schedule","at":"2030-01-31T12:00:00+00:00","id":"'
            + EVENT.encode()
            + b'","type":"Reboot",'
            b'"vms":["vm1"],"not_before":"2030-01-31T12:15:00+00:00","lasts":600000000,"source":"Platform",'
            b'"description":"x","interruption_s":-1}\n',
        ),
        form=Form.JSON_LINES,
        words=("kind", "Begin", "Schedule", "Advance", "Switch", "1e308", "0001-01-01T00:00:00+23:59"),
    ),
    Target(
        name="emulator-control",
        one=control,
        under=("metadata_server.control",),
        seeds=lambda: (
            b'{"verb":"schedule","type":"Reboot","vms":["vm1"],"in":"15m","id":"' + EVENT.encode() + b'"}\n'
            b'{"verb":"advance","by":"20m"}\n{"verb":"complete","id":"' + EVENT.encode() + b'"}',
            b'{"verb":"fail","vms":["vm1"],"lasts":"1m"}\n{"verb":"switch","name":"ack-unknown","value":"200"}',
            b'{"verb":"fault","kind":"reset","vm":"vm1"}\n{"verb":"mend"}',
        ),
        form=Form.JSON_LINES,
        words=(
            *tuple(verb.name for verb in VERBS),
            "0001-01-01T00:00:00+23:59",
            "9999-12-31T23:59:59Z",
            "\\ud800",
        ),
    ),
    Target(
        name="emulator-question",
        one=question,
        under=("metadata_server.imds",),
        seeds=lambda: (
            b'POST\0/metadata/scheduledevents\0api-version=2020-07-01\0metadata: true\0{"StartRequests":[{"EventId":"A"}]}',
            b"GET\0/metadata/instance/compute/name\0api-version=2021-02-01&format=text\0metadata: true",
            b"GET\0/metadata/identity/oauth2/token\0api-version=2018-02-01&resource=https://management.azure.com/\0metadata: true",
            b"GET\0/metadata/v1/InstanceInfo",
            b"GET\0/metadata/loadbalancer\0api-version=2020-10-01\0metadata: true",
        ),
        words=(
            "/metadata/",
            "api-version=",
            "2020-07-01",
            "format=text",
            "StartRequests",
            "EventId",
            "[" * 64,
        ),
        longest=32768,
    ),
)
