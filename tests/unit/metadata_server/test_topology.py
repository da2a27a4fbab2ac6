"""The topology as a file and as options: strict, and everything wrong at once."""

from datetime import timedelta
from pathlib import Path

import pytest

from metadata_server.cli.vmoption import parse_vm
from metadata_server.errors import BadInput
from metadata_server.topology import (
    Address,
    Affinity,
    Application,
    Listener,
    Management,
    Member,
    NatPorts,
    Outbound,
    Pool,
    PoolKind,
    Probe,
    Protocol,
    Topology,
    Vm,
)
from metadata_server.topologyfile import BadTopology, load, parse

WHOLE = """\
version: 1
vms:
  - name: vm1
    address: 127.0.0.11:8181
    source: 127.0.0.11
    update_domain: 3
    fault_domain: 1
    set: web
    zone: "1"
    location: northeurope
  - {name: vm2, address: "[::1]:8182"}
pools:
  - name: web
    members: [{vm: vm1, address: 127.0.0.11:9001}]
    probe: {protocol: http, path: /ready, port: 9180, interval: 1s, threshold: 2, source: 127.0.0.4}
  - {name: plain, members: []}
balancers:
  - {listen: 127.0.0.1:8080, pool: web, affinity: source, source: 127.0.0.5}
  - {listen: 127.0.0.1:0, pool: plain}
applications:
  - {name: shop, vm: vm1, address: 127.0.0.11:9001}
"""


def address(text: str) -> Address:
    return Address.parse(text)


def test_every_key_is_read() -> None:
    """Each key of the file becomes the value it names, and what is left out its default."""
    probe = Probe(
        protocol=Protocol.HTTP,
        path="/ready",
        port=9180,
        interval=timedelta(seconds=1),
        threshold=2,
        source="127.0.0.4",
    )
    vm1 = Vm(
        name="vm1",
        address=address("127.0.0.11:8181"),
        source="127.0.0.11",
        update_domain=3,
        fault_domain=1,
        set="web",
        zone="1",
        location="northeurope",
    )
    member = Member(vm="vm1", address=address("127.0.0.11:9001"))
    expected = Topology(
        vms=(vm1, Vm(name="vm2", address=address("[::1]:8182"))),
        pools=(Pool(name="web", members=(member,), probe=probe), Pool(name="plain", members=())),
        balancers=(
            Listener(
                listen=address("127.0.0.1:8080"), pool="web", affinity=Affinity.SOURCE, source="127.0.0.5"
            ),
            Listener(listen=address("127.0.0.1:0"), pool="plain"),
        ),
        applications=(Application(name="shop", vm="vm1", address=address("127.0.0.11:9001")),),
    )
    assert parse(WHOLE, file="t.yaml") == expected


def test_identities_and_outbound_rules_are_read() -> None:
    """A VM's identities are a list, its own alone by default; a pool is used outbound if the file says so."""
    text = """\
version: 1
vms:
  - {name: vm1, address: 127.0.0.1:80, identities: [system, shop]}
  - {name: vm2, address: 127.0.0.1:81, identities: []}
  - {name: vm3, address: 127.0.0.1:82}
pools:
  - {name: web, outbound_rule: true}
  - {name: api, outbound_rule: false}
  - {name: admin}
"""
    topology = parse(text, file="t.yaml")
    assert [vm.identities for vm in topology.vms] == [("system", "shop"), (), ("system",)]
    assert [pool.outbound_rule for pool in topology.pools] == [True, False, False]


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ("identities: system", "vms[0].identities: expected a list of system and names"),
        ("identities: [a b]", "vms[0].identities[0]: expected a list of system and names"),
        ("identities: [[system]]", "vms[0].identities[0]: expected a list of system and names"),
        ("identities: [one, two, one]", "vms[0].identities: expected each name once, got 'one'"),
    ],
)
def test_wrong_identities_are_refused(entry: str, problem: str) -> None:
    """Identities are names, each once, in a list."""
    with pytest.raises(BadTopology) as caught:
        parse(f"version: 1\nvms: [{{name: vm1, address: '127.0.0.1:80', {entry}}}]\n", file="t.yaml")
    assert problem in str(caught.value)


def test_wrong_outbound_rule_is_refused() -> None:
    """It is true or false."""
    with pytest.raises(BadTopology, match="expected true or false, got 'maybe'"):
        parse("version: 1\nvms: []\npools: [{name: web, outbound_rule: maybe}]\n", file="t.yaml")


def test_file_is_loaded(tmp_path: Path) -> None:
    """A file is read as UTF-8 and named in problems."""
    path = tmp_path / "topology.yaml"
    path.write_text("version: 1\nvms: []\n", encoding="utf-8")
    with pytest.raises(BadTopology, match=r"topology\.yaml:2:6: vms: expected at least one VM, got none"):
        load(path)


def test_every_problem_is_reported_at_its_place() -> None:
    """All that is wrong with single values is reported together, each with its line and column."""
    text = """\
version: 2
colour: red
vms:
  - {name: vm 1, address: "127.0.0.11", sett: web, update_domain: -1, source: home, zone: }
  - [vm2]
  - {name: vm3, name: vm4, address: "127.0.0.1:99999"}
pools: web
balancers:
  - {listen: 127.0.0.1:80, affinity: both}
"""
    with pytest.raises(BadTopology) as caught:
        parse(text, file="t.yaml")
    places = [(problem.line, problem.column, problem.field) for problem in caught.value.problems]
    assert places == [
        (1, 10, "version"),
        (2, 1, "colour"),
        (4, 12, "vms[0].name"),
        (4, 27, "vms[0].address"),
        (4, 41, "vms[0].sett"),
        (4, 67, "vms[0].update_domain"),
        (4, 79, "vms[0].source"),
        (4, 90, "vms[0].zone"),
        (5, 5, "vms[1]"),
        (6, 17, "vms[2].name"),
        (6, 37, "vms[2].address"),
        (7, 8, "pools"),
        (9, 5, "balancers[0].pool"),
        (9, 38, "balancers[0].affinity"),
    ]
    assert str(caught.value).splitlines()[0] == "t.yaml:1:10: version: expected 1, got '2'"


@pytest.mark.parametrize(
    ("probe", "field"),
    [
        ("path: ready", "path"),
        ("port: 0", "port"),
        ("threshold: 0", "threshold"),
        ("interval: 0s", "interval"),
        ("interval: soon", "interval"),
        ("protocol: udp", "protocol"),
        ("[]", ""),
        ("wait: 1s", "wait"),
    ],
)
def test_probe_is_strict(probe: str, field: str) -> None:
    """A probe that cannot work is refused at the value that is wrong."""
    inner = probe if probe == "[]" else f"{{{probe}}}"
    text = f"version: 1\nvms: []\npools: [{{name: web, members: [], probe: {inner}}}]\n"
    with pytest.raises(BadTopology) as caught:
        parse(text, file="t.yaml")
    [problem] = caught.value.problems
    assert problem.field == ".".join(["pools[0].probe", field]).rstrip(".")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "1:1: document: expected a YAML mapping, got nothing"),
        ("- a\n", "1:1: document: expected a mapping, got a list"),
        ("just words", "1:1: document: expected a mapping, got 'just words'"),
        ("vms: [\n", "2:1: document: expected a YAML mapping, got"),
        ("vms: \x00", "1:1: document: expected a YAML mapping, got"),
        ("? [a]\n: b\nversion: 1\n", "1:3: a list: expected one of version, vms"),
        ("{}", "1:1: version: expected 1, got nothing"),
        ("version: 1\nvms: {}\n", "2:6: vms: expected a list, got a mapping"),
    ],
)
def test_what_is_no_topology(text: str, expected: str) -> None:
    """A file that is no YAML, or no mapping, is refused where that shows."""
    with pytest.raises(BadTopology) as caught:
        parse(text, file="t.yaml")
    assert f"t.yaml:{expected}" in str(caught.value)


VM1 = "{name: vm1, address: 127.0.0.1:80}"
UNFIT = [
    (f"vms: [{VM1}, {VM1}]", "vms[1].name: expected a name used once, got 'vm1'"),
    (
        f"vms: [{VM1}, {{name: vm2, address: 127.0.0.1:80}}]",
        "vms[1].source: expected an address of its own, or a source, because vm1 listens there too, got none",
    ),
    (
        (
            "vms: [{name: vm1, address: 127.0.0.1:80, source: 127.0.0.9}, "
            "{name: vm2, address: 127.0.0.1:80, source: 127.0.0.9}]"
        ),
        "vms[1].source: expected another source than vm1, got '127.0.0.9'",
    ),
    (
        f"vms: [{VM1}]\npools: [{{name: web, members: [{{vm: vm2, address: 127.0.0.1:81}}]}}]",
        "pools[0].members[0].vm: expected a VM of this topology (vm1), got 'vm2'",
    ),
    (
        (
            f"vms: [{VM1}]\npools: [{{name: web, members: [{{vm: vm1, address: 127.0.0.1:81}}, "
            "{vm: vm1, address: 127.0.0.1:82}]}]"
        ),
        "pools[0].members[1].vm: expected a name used once, got 'vm1'",
    ),
    (
        f"vms: [{VM1}]\npools: [{{name: web, members: []}}, {{name: web, members: []}}]",
        "pools[1].name: expected a name used once, got 'web'",
    ),
    (
        f"vms: [{VM1}]\nbalancers: [{{listen: 127.0.0.1:81, pool: web}}]",
        "balancers[0].pool: expected a pool of this topology (none), got 'web'",
    ),
    (
        f"vms: [{VM1}]\napplications: [{{name: shop, vm: vm9, address: 127.0.0.1:81}}]",
        "applications[0].vm: expected a VM of this topology (vm1), got 'vm9'",
    ),
]


@pytest.mark.parametrize(("text", "expected"), UNFIT, ids=[row[1].split(":")[0] for row in UNFIT])
def test_what_does_not_fit_together(text: str, expected: str) -> None:
    """Names that nothing bears and VMs that cannot be told apart are refused at their place."""
    with pytest.raises(BadTopology) as caught:
        parse(f"version: 1\n{text}\n", file="t.yaml")
    assert expected in str(caught.value)
    assert all(problem.line > 1 for problem in caught.value.problems)


def test_vms_that_can_be_told_apart() -> None:
    """A shared address is fine with a source for each, and port 0 is a port of its own."""
    text = """\
version: 1
vms:
  - {name: vm1, address: 127.0.0.1:80, source: 127.0.0.11}
  - {name: vm2, address: 127.0.0.1:80, source: 127.0.0.12}
  - {name: vm3, address: 127.0.0.1:0}
  - {name: vm4, address: 127.0.0.1:0}
"""
    assert [vm.name for vm in parse(text, file="t.yaml").vms] == ["vm1", "vm2", "vm3", "vm4"]


def test_vm_option() -> None:
    """The option says in one word what a file says in a mapping."""
    expected = Vm(
        name="vm1",
        address=address("[::1]:8181"),
        source="fd00::1",
        update_domain=2,
        fault_domain=1,
        set="web",
        zone="3",
    )
    assert parse_vm("vm1=[::1]:8181,source=fd00:0::1,ud=2,fd=1,set=web,zone=3") == expected
    assert parse_vm("vm1=127.0.0.1:0") == Vm(name="vm1", address=address("127.0.0.1:0"))


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("vm1", ["--vm"]),
        ("vm 1=127.0.0.1:80", ["--vm NAME"]),
        ("vm1=::1:80", ["--vm ADDR:PORT"]),
        ("vm1=localhost:80", ["--vm ADDR:PORT"]),
        ("vm1=127.0.0.1", ["--vm ADDR:PORT"]),
        ("vm1=127.0.0.1:x,ud=x,colour=red", ["--vm ADDR:PORT", "--vm vm1,ud", "--vm vm1"]),
        ("vm1=127.0.0.1:1,source=x", ["--vm vm1,source"]),
    ],
)
def test_vm_option_is_strict(text: str, fields: list[str]) -> None:
    """Every part of the option that is wrong is named."""
    with pytest.raises(BadInput) as caught:
        parse_vm(text)
    assert [problem.field for problem in caught.value.problems] == fields


def test_scopes() -> None:
    """A VM shares its events with its set, or with nobody; a set and a VM of one name stay apart."""
    alone, together = parse_vm("web=127.0.0.1:1"), parse_vm("vm1=127.0.0.1:2,set=web")
    assert alone.scope != together.scope


MANAGED = """\
version: 1
vms:
  - {name: vm1, address: 127.0.0.11:8181, scale_set: web, orchestration: uniform}
  - {name: vm2, address: 127.0.0.12:8181}
pools:
  - name: web
    kind: ip
    outbound_rule: true
    inbound_rule: false
    probed: false
    nat: 5000-5009:22
  - {name: front, kind: gateway, by_address: true, members: []}
management:
  listen: 127.0.0.6:0
  ca: /tmp/ca.pem
  outbound: pool
  resources: RESOURCES
  roles: {vm1: [drain, reader]}
  custom_roles: {reader: ["*/read"]}
"""


def test_management_is_read(tmp_path: Path) -> None:
    """Each key of the management API, of pools and of scale sets is found again."""
    resources = tmp_path / "resources.json"
    resources.write_text('[{"id": "/x"}]', encoding="utf-8")
    found = parse(MANAGED.replace("RESOURCES", str(resources)), file="t.yaml")
    assert found.management == Management(
        listen=address("127.0.0.6:0"),
        ca="/tmp/ca.pem",
        outbound=Outbound.POOL,
        resources=({"id": "/x"},),
        roles={"vm1": ("drain", "reader")},
        custom_roles={"reader": ("*/read",)},
    )
    web, front = found.pools
    assert (web.kind, web.outbound_rule, web.inbound_rule, web.probed) == (PoolKind.IP, True, False, False)
    assert web.nat == NatPorts(first=5000, last=5009, backend=22)
    assert (front.kind, front.by_address) == (PoolKind.GATEWAY, True)
    assert [vm.is_instance for vm in found.vms] == [True, False]


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("outbound: pool", "outbound: sky", "management.outbound"),
        ("listen: 127.0.0.6:0", "listen: here", "management.listen"),
        ("listen: 127.0.0.6:0", "", "management.listen"),
        ("resources: RESOURCES", "resources: /nowhere/at/all", "management.resources"),
        ("roles: {vm1: [drain, reader]}", "roles: {vm1: drain}", "management.roles.vm1"),
        ("roles: {vm1: [drain, reader]}", "roles: {vm9: [drain]}", "management.roles.vm9"),
        ("roles: {vm1: [drain, reader]}", "roles: {vm1: [other]}", "management.roles.vm1"),
        ("kind: ip", "kind: name", "pools[0].kind"),
        ("nat: 5000-5009:22", "nat: 5009-5000:22", "pools[0].nat"),
        ("nat: 5000-5009:22", "nat: 5000", "pools[0].nat"),
        ("orchestration: uniform", "orchestration: odd", "vms[0].orchestration"),
    ],
)
def test_management_is_strict(tmp_path: Path, old: str, new: str, field: str) -> None:
    """A wrong value, a file that is not there, and names of VMs and roles that nobody bears are refused."""
    resources = tmp_path / "resources.json"
    resources.write_text("[]", encoding="utf-8")
    text = MANAGED.replace(old, new).replace("RESOURCES", str(resources))
    with pytest.raises(BadTopology) as caught:
        parse(text, file="t.yaml")
    assert [problem.field for problem in caught.value.problems] == [field]


@pytest.mark.parametrize("content", ["{", "{}", "[1]", '[{"name": "no id"}]'])
def test_resources_are_bodies(tmp_path: Path, content: str) -> None:
    """A file of resources that is none is refused at its place."""
    resources = tmp_path / "resources.json"
    resources.write_text(content, encoding="utf-8")
    with pytest.raises(BadTopology, match=r"t\.yaml:17:14: management.resources: expected a JSON file"):
        parse(MANAGED.replace("RESOURCES", str(resources)), file="t.yaml")
