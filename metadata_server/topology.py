"""What stands around the VMs: addresses, domains, pools, balancers, applications.

Frozen values, from a file (`topologyfile`) or from the command line (`cli.vmoption`). What can be wrong
with one value is refused where it is built; what can be wrong between values, `problems` finds.
"""

import ipaddress
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any

from metadata_server.arm.roles import ROLES
from metadata_server.errors import Problem

ADDRESS = "ADDRESS:PORT, with IPv6 in brackets"
PORTS = "FIRST-LAST:BACKEND, ports such as 5000-5099:22"
SYSTEM = "system"
NAME = "a name of letters, digits, '-', '_' or '.'"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Address:
    """Where something listens; port 0 means any free one."""

    host: str
    port: int

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise ValueError(ADDRESS)
        object.__setattr__(self, "host", parse_ip(self.host))

    @classmethod
    def parse(cls, text: str) -> "Address":
        """`127.0.0.1:80` or `[::1]:80`; ValueError says what was expected."""
        host, colon, port = text.rpartition(":")
        bracketed = host.startswith("[") and host.endswith("]")
        if not colon or not port.isascii() or not port.isdigit() or (":" in host and not bracketed):
            raise ValueError(ADDRESS)
        try:
            return cls(host=host[1:-1] if bracketed else host, port=int(port))
        except ValueError:
            raise ValueError(ADDRESS) from None

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_ip(text: str) -> str:
    """An IP address in its shortest spelling; ValueError if it is none."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise ValueError("an IP address") from None


def parse_name(text: str) -> str:
    """A name that is safe in a path and in a document; ValueError if it is none."""
    if _NAME.fullmatch(text) is None:
        raise ValueError(NAME)
    return text


class Orchestration(StrEnum):
    """How a scale set runs its VMs: as ordinary ones, or as instances of its own."""

    FLEXIBLE = "flexible"
    UNIFORM = "uniform"


@dataclass(frozen=True, slots=True, kw_only=True)
class Vm:
    """One virtual machine, told apart by where its service listens or by `source`, its own address.

    `identities` names the managed identities assigned to it: `system` is its own, any other was made apart.
    """

    name: str
    address: Address
    source: str | None = None
    update_domain: int = 0
    fault_domain: int = 0
    set: str | None = None
    zone: str = ""
    location: str = "westeurope"
    size: str = "Standard_D2s_v5"
    vm_id: str | None = None
    resource_group: str = "emulated"
    subscription: str = "00000000-0000-0000-0000-000000000000"
    identities: tuple[str, ...] = (SYSTEM,)
    scale_set: str | None = None
    orchestration: Orchestration = Orchestration.FLEXIBLE

    @property
    def resource_id(self) -> str:
        """What the management API calls it; an instance of a uniform scale set goes by its number."""
        compute = f"{self.group}/Microsoft.Compute"
        if not self.is_instance:
            return f"{compute}/virtualMachines/{self.name}"
        number = self.name[len(self.name.rstrip("0123456789")) :] or "0"
        return f"{compute}/virtualMachineScaleSets/{self.scale_set}/virtualMachines/{number}"

    @property
    def group(self) -> str:
        """Where the ids of its resource group's resources begin."""
        return f"/subscriptions/{self.subscription}/resourceGroups/{self.resource_group}/providers"

    @property
    def is_instance(self) -> bool:
        """Whether it is run by a uniform scale set."""
        return self.scale_set is not None and self.orchestration is Orchestration.UNIFORM

    @property
    def private_ip(self) -> str:
        """Its own address."""
        return self.source or self.address.host

    @property
    def scope(self) -> str:
        """Those it shares its Scheduled Events with: its set, or itself alone."""
        return self.name if self.set is None else f"set {self.set}"


class Protocol(StrEnum):
    """How a probe asks."""

    TCP = "tcp"
    HTTP = "http"


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """How a balancer finds out whether a member answers; `port` None is the member's own."""

    protocol: Protocol = Protocol.TCP
    path: str = "/"
    port: int | None = None
    interval: timedelta = timedelta(seconds=5)
    threshold: int = 2
    source: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A VM's place in a pool: where its application listens."""

    vm: str
    address: Address


class PoolKind(StrEnum):
    """What a pool is made of: interfaces, addresses, or members of an application gateway."""

    NIC = "nic"
    IP = "ip"
    GATEWAY = "gateway"


@dataclass(frozen=True, slots=True, kw_only=True)
class NatPorts:
    """An inbound NAT rule over a pool: each member has one frontend port of the span, `last` included."""

    first: int
    last: int
    backend: int

    @classmethod
    def parse(cls, text: str) -> "NatPorts":
        """`5000-5099:22`; ValueError says what was expected."""
        found = re.fullmatch(r"(\d{1,5})-(\d{1,5}):(\d{1,5})", text, re.ASCII)
        if found is None:
            raise ValueError(PORTS)
        first, last, backend = (int(number) for number in found.groups())
        return cls(first=first, last=last, backend=backend)

    def __post_init__(self) -> None:
        if not (1 <= self.first <= self.last <= 65535 and 1 <= self.backend <= 65535):
            raise ValueError(PORTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """Those who share the traffic of one balancer; `outbound_rule`: an outbound rule uses them too.

    `probed` False: its rule has no probe. `by_address`: a gateway's members are addresses, not interfaces.
    """

    name: str
    members: tuple[Member, ...]
    probe: Probe = field(default_factory=Probe)
    outbound_rule: bool = False
    inbound_rule: bool = True
    probed: bool = True
    by_address: bool = False
    kind: PoolKind = PoolKind.NIC
    nat: NatPorts | None = None


class Outbound(StrEnum):
    """The VMs' way out to the network: a gateway of the subnet, the balancer's pool alone, or none."""

    NAT = "nat"
    POOL = "pool"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Management:
    """Where the management API listens, and what it knows beside what the topology comes to.

    `ca`: where the certificate of its authority is written. `roles` by VM; a VM that is not named has all.
    `resources`: whole bodies, which take the place of derived ones of the same id.
    """

    listen: Address
    ca: str = ""
    outbound: Outbound = Outbound.NAT
    roles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    custom_roles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    resources: tuple[dict[str, Any], ...] = ()


class Affinity(StrEnum):
    """Whether a client's flows stay on one member."""

    NONE = "none"
    SOURCE = "source"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """Where a balancer takes traffic for a pool; it connects to members from `source`."""

    listen: Address
    pool: str
    affinity: Affinity = Affinity.NONE
    source: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """A program on a VM, for those who start them; the emulator itself starts none."""

    name: str
    vm: str
    address: Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Topology:
    """All of it."""

    vms: tuple[Vm, ...]
    pools: tuple[Pool, ...] = ()
    balancers: tuple[Listener, ...] = ()
    applications: tuple[Application, ...] = ()
    management: Management | None = None

    def problems(self) -> Iterator[Problem]:
        """Everything that does not fit together; `field` is a path such as `vms[1].source`."""
        if not self.vms:
            yield Problem(field="vms", expected="at least one VM", found="none")
        yield from _twice("vms", [("name", vm.name) for vm in self.vms])
        yield from _twice("pools", [("name", pool.name) for pool in self.pools])
        for place, vm in enumerate(self.vms):
            yield from _repeated(f"vms[{place}].identities", vm.identities)
        yield from self._confused()
        yield from self._dangling()

    def _confused(self) -> Iterator[Problem]:
        """VMs that neither address nor source tells apart."""
        seen: dict[tuple[Address, str | None], str] = {}
        for index, vm in enumerate(self.vms):
            sharing = [other for other in self.vms if other.address == vm.address and other is not vm]
            if vm.address.port == 0 and vm.source is None:
                continue
            if sharing and vm.source is None and any(other is not vm for other in sharing):
                expected = f"an address of its own, or a source, because {sharing[0].name} listens there too"
                yield Problem(field=f"vms[{index}].source", expected=expected, found="none")
            elif (vm.address, vm.source) in seen:
                expected = f"another source than {seen[vm.address, vm.source]}"
                yield Problem(field=f"vms[{index}].source", expected=expected, found=repr(vm.source))
            seen[vm.address, vm.source] = vm.name

    def _dangling(self) -> Iterator[Problem]:
        """Names that nothing bears."""
        vms = {vm.name for vm in self.vms}
        pools = {pool.name for pool in self.pools}
        for place, pool in enumerate(self.pools):
            yield from _twice(f"pools[{place}].members", [("vm", member.vm) for member in pool.members])
            for index, member in enumerate(pool.members):
                yield from _known(f"pools[{place}].members[{index}].vm", member.vm, vms, "VM")
        for place, balancer in enumerate(self.balancers):
            yield from _known(f"balancers[{place}].pool", balancer.pool, pools, "pool")
        for place, application in enumerate(self.applications):
            yield from _known(f"applications[{place}].vm", application.vm, vms, "VM")
        if self.management is not None:
            roles = {*ROLES, *self.management.custom_roles}
            for vm, names in self.management.roles.items():
                yield from _known(f"management.roles.{vm}", vm, vms, "VM")
                for name in names:
                    yield from _known(f"management.roles.{vm}", name, roles, "role")


def _known(path: str, name: str, names: set[str], what: str) -> Iterator[Problem]:
    if name not in names:
        there = ", ".join(sorted(names)) or "none"
        yield Problem(field=path, expected=f"a {what} of this topology ({there})", found=repr(name))


def _repeated(path: str, names: tuple[str, ...]) -> Iterator[Problem]:
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield Problem(field=path, expected="each name once", found=repr(name))


def _twice(path: str, entries: list[tuple[str, str]]) -> Iterator[Problem]:
    seen: set[str] = set()
    for index, (key, name) in enumerate(entries):
        if name in seen:
            yield Problem(field=f"{path}[{index}].{key}", expected="a name used once", found=repr(name))
        seen.add(name)
