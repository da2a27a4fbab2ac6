"""What stands around the VMs: addresses, domains, pools, balancers, applications.

Frozen values, from a file (`topologyfile`) or from the command line (`cli.vmoption`). What can be wrong
with one value is refused where it is built; what can be wrong between values, `problems` finds.
"""

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from metadata_server.errors import Problem

ADDRESS = "ADDRESS:PORT, with IPv6 in brackets"
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Vm:
    """One virtual machine, told apart by where its service listens or by `source`, its own address."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """Those who share the traffic of one balancer."""

    name: str
    members: tuple[Member, ...]
    probe: Probe = field(default_factory=Probe)


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

    def problems(self) -> Iterator[Problem]:
        """Everything that does not fit together; `field` is a path such as `vms[1].source`."""
        if not self.vms:
            yield Problem(field="vms", expected="at least one VM", found="none")
        yield from _twice("vms", [("name", vm.name) for vm in self.vms])
        yield from _twice("pools", [("name", pool.name) for pool in self.pools])
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


def _known(path: str, name: str, names: set[str], what: str) -> Iterator[Problem]:
    if name not in names:
        there = ", ".join(sorted(names)) or "none"
        yield Problem(field=path, expected=f"a {what} of this topology ({there})", found=repr(name))


def _twice(path: str, entries: list[tuple[str, str]]) -> Iterator[Problem]:
    seen: set[str] = set()
    for index, (key, name) in enumerate(entries):
        if name in seen:
            yield Problem(field=f"{path}[{index}].{key}", expected="a name used once", found=repr(name))
        seen.add(name)
