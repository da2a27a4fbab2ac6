"""The topology as a YAML file: unknown keys are refused, and all problems are reported at once."""

import json
from collections.abc import Callable, Iterable
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

import yaml

from metadata_server.times import DURATION, parse_duration
from metadata_server.topology import (
    ADDRESS,
    NAME,
    PORTS,
    SYSTEM,
    Address,
    Affinity,
    Application,
    Listener,
    Management,
    Member,
    NatPorts,
    Orchestration,
    Outbound,
    Pool,
    PoolKind,
    Probe,
    Protocol,
    Topology,
    Vm,
    parse_ip,
    parse_name,
)
from metadata_server.yamlreader import Mapping, Misplaced, Problems

_E = TypeVar("_E", bound=StrEnum)
_IP = "an IP address"
_DOMAIN = "a number, 0 or more"
_TEXT = "text"
_TRUTH = "true or false"
_BODIES = "a JSON file with a list of resources, each with its id"
_IDENTITIES = f"a list of {SYSTEM} and names of identities"


class BadTopology(Exception):
    """The file cannot be served; `problems` holds all that is wrong, in the order of the file."""

    def __init__(self, problems: Iterable[Misplaced]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(str(problem) for problem in self.problems))


def load(path: Path) -> Topology:
    """The topology in `path`; BadTopology with every problem, OSError if it cannot be read."""
    return parse(path.read_text(encoding="utf-8"), file=str(path))


def parse(text: str, *, file: str) -> Topology:
    """The topology that `text` spells; `file` is its name in problems."""
    problems = Problems(file=file)
    root = _root(text, file)
    topology = _topology(Mapping(root, "", problems))
    if problems.found:
        raise BadTopology(problems.found)
    for problem in topology.problems():
        node = _nearest(problems, problem.field, root)
        problems.add(node, problem.field, expected=problem.expected, got=problem.found)
    if problems.found:
        raise BadTopology(problems.found)
    return topology


def _root(text: str, file: str) -> yaml.Node:
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise BadTopology([_unreadable(file, line, column, str(error.problem))]) from None
    except RecursionError:
        raise BadTopology([_unreadable(file, 1, 1, "levels without an end")]) from None
    except yaml.YAMLError as error:
        raise BadTopology([_unreadable(file, 1, 1, str(error))]) from None
    if node is None:
        raise BadTopology([_unreadable(file, 1, 1, "nothing")])
    return node


def _unreadable(file: str, line: int, column: int, got: str) -> Misplaced:
    return Misplaced(
        file=file, line=line, column=column, field="document", expected="a YAML mapping", got=got
    )


def _nearest(problems: Problems, path: str, root: yaml.Node) -> yaml.Node:
    """The node of a field, or of what should contain it."""
    while path and path not in problems.places:
        path = path.rpartition(".")[0] if "." in path else ""
    return problems.places.get(path, root)


def _topology(root: Mapping) -> Topology:
    root.required("version", _version, expected="1")
    topology = Topology(
        vms=tuple(_vm(entry) for entry in root.entries("vms")),
        pools=tuple(_pool(entry) for entry in root.entries("pools")),
        balancers=tuple(_listener(entry) for entry in root.entries("balancers")),
        applications=tuple(_application(entry) for entry in root.entries("applications")),
        management=_managed(root.mapping("management")),
    )
    root.close()
    return topology


def _vm(entry: Mapping) -> Vm:
    values: dict[str, Any] = {
        "name": entry.required("name", parse_name, expected=NAME),
        "address": entry.required("address", Address.parse, expected=ADDRESS),
        "source": entry.text("source", parse_ip, expected=_IP),
        "update_domain": entry.text("update_domain", _number, expected=_DOMAIN, default=0),
        "fault_domain": entry.text("fault_domain", _number, expected=_DOMAIN, default=0),
        "set": entry.text("set", parse_name, expected=NAME),
        "scale_set": entry.text("scale_set", parse_name, expected=NAME),
        "orchestration": _choice(entry, "orchestration", Orchestration, Orchestration.FLEXIBLE),
        "zone": entry.text("zone", str, expected=_TEXT, default=""),
        "vm_id": entry.text("vm_id", _some, expected=_TEXT),
        "identities": entry.texts("identities", parse_name, expected=_IDENTITIES, default=(SYSTEM,)),
    }
    for name in ("location", "size", "resource_group", "subscription"):
        default: str = getattr(_PLAIN, name)
        values[name] = entry.text(name, _some, expected=_TEXT, default=default)
    entry.close()
    return Vm(**values)


def _pool(entry: Mapping) -> Pool:
    name = entry.required("name", parse_name, expected=NAME)
    members = tuple(_member(member) for member in entry.entries("members"))
    probe = entry.mapping("probe")
    outbound = entry.text("outbound_rule", _truth, expected=_TRUTH, default=False)
    pool = Pool(
        name=name or "",
        members=members,
        probe=Probe() if probe is None else _probe(probe),
        outbound_rule=outbound or False,
        inbound_rule=_truthful(entry, "inbound_rule", default=True),
        probed=_truthful(entry, "probed", default=True),
        by_address=_truthful(entry, "by_address", default=False),
        nat=entry.text("nat", NatPorts.parse, expected=PORTS),
        kind=_choice(entry, "kind", PoolKind, PoolKind.NIC) or PoolKind.NIC,
    )
    entry.close()
    return pool


def _truthful(entry: Mapping, name: str, *, default: bool) -> bool:
    found = entry.text(name, _truth, expected=_TRUTH, default=default)
    return default if found is None else found


def _managed(entry: Mapping | None) -> Management | None:
    if entry is None:
        return None
    listen = entry.required("listen", Address.parse, expected=ADDRESS)
    management = Management(
        listen=listen or _NOWHERE,
        ca=entry.text("ca", _some, expected=_TEXT, default="") or "",
        outbound=_choice(entry, "outbound", Outbound, Outbound.NAT) or Outbound.NAT,
        roles=_lists(entry, "roles"),
        custom_roles=_lists(entry, "custom_roles"),
        resources=entry.text("resources", _bodies, expected=_BODIES, default=()) or (),
    )
    entry.close()
    return management


def _lists(entry: Mapping, name: str) -> dict[str, tuple[str, ...]]:
    """Names, each with a list of texts."""
    inner = entry.mapping(name)
    if inner is None:
        return {}
    found = {key: inner.texts(key, _some, expected=_TEXT, default=()) for key in inner.names()}
    inner.close()
    return found


def _bodies(text: str) -> tuple[dict[str, Any], ...]:
    """The bodies in a JSON file."""
    try:
        found = json.loads(Path(text).read_bytes())
    except OSError:
        raise ValueError(_BODIES) from None
    if not isinstance(found, list) or not all(isinstance(each, dict) and "id" in each for each in found):
        raise ValueError(_BODIES)
    return tuple(found)


def _member(entry: Mapping) -> Member:
    vm = entry.required("vm", parse_name, expected=NAME)
    address = entry.required("address", _fixed, expected=f"{ADDRESS}, not port 0")
    entry.close()
    return Member(vm=vm or "", address=address or _NOWHERE)


def _probe(entry: Mapping) -> Probe:
    values: dict[str, Any] = {
        "protocol": _choice(entry, "protocol", Protocol, Protocol.TCP),
        "path": entry.text("path", _path, expected="a path that begins with /", default="/"),
        "port": entry.text("port", _port, expected="a port from 1 to 65535"),
        "interval": entry.text("interval", _some_time, expected=DURATION, default=Probe().interval),
        "threshold": entry.text("threshold", _positive, expected="a number, 1 or more", default=2),
        "source": entry.text("source", parse_ip, expected=_IP),
    }
    entry.close()
    return Probe(**values)


def _listener(entry: Mapping) -> Listener:
    values: dict[str, Any] = {
        "listen": entry.required("listen", Address.parse, expected=ADDRESS),
        "pool": entry.required("pool", parse_name, expected=NAME),
        "affinity": _choice(entry, "affinity", Affinity, Affinity.NONE),
        "source": entry.text("source", parse_ip, expected=_IP),
    }
    entry.close()
    return Listener(**values)


def _application(entry: Mapping) -> Application:
    values: dict[str, Any] = {
        "name": entry.required("name", parse_name, expected=NAME),
        "vm": entry.required("vm", parse_name, expected=NAME),
        "address": entry.required("address", _fixed, expected=f"{ADDRESS}, not port 0"),
    }
    entry.close()
    return Application(**values)


def _choice(entry: Mapping, name: str, values: type[_E], default: _E) -> _E | None:
    parse: Callable[[str], _E] = values
    return entry.text(name, parse, expected=" or ".join(member.value for member in values), default=default)


def _version(text: str) -> int:
    if text != "1":
        raise ValueError("1")
    return 1


def _truth(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError(_TRUTH)
    return text == "true"


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise ValueError(_DOMAIN)
    return int(text)


def _positive(text: str) -> int:
    if _number(text) < 1:
        raise ValueError("positive")
    return _number(text)


def _port(text: str) -> int:
    if not 1 <= _number(text) <= 65535:
        raise ValueError("port")
    return _number(text)


def _fixed(text: str) -> Address:
    address = Address.parse(text)
    if address.port == 0:
        raise ValueError(ADDRESS)
    return address


def _path(text: str) -> str:
    if not text.startswith("/") or not text.isprintable() or " " in text:
        raise ValueError("path")
    return text


def _some(text: str) -> str:
    if not text:
        raise ValueError(_TEXT)
    return text


def _some_time(text: str) -> timedelta:
    if parse_duration(text) <= timedelta():
        raise ValueError(DURATION)
    return parse_duration(text)


_NOWHERE = Address(host="0.0.0.0", port=0)  # a placeholder, nothing is bound  # nosec B104
_PLAIN = Vm(name="vm", address=_NOWHERE)
