"""HAProxy by its runtime API: drain → empty → maintenance → reboot → drain → its own check → ready.

The only sequence that loses nothing when a VM falls silent. Weights, agents and addresses are left alone.
A server that is out by the file, by an operator or by DNS is Out and none of ours.
"""

from __future__ import annotations

import shlex
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import Flag

from drainer.backends.haproxy_socket import NetAddress, RuntimeApi, address, facts, rows
from drainer.core.model import (
    Done,
    Entry,
    InFlight,
    Membership,
    Pending,
    Progress,
    Standing,
    Unmeasured,
    Work,
)
from drainer.errors import Refused, Transient
from drainer.ports import BackendKind, Surroundings

SETTLES_IN = timedelta(seconds=2)


class Admin(Flag):
    """`srv_admin_state` (management guide, "show servers state"): what puts a server out, and who."""

    READY = 0
    FORCED_MAINT = 0x01
    INHERITED_MAINT = 0x02
    CONFIGURED_MAINT = 0x04  # the file said disabled; the first flag carries the effect
    FORCED_DRAIN = 0x08
    INHERITED_DRAIN = 0x10
    RESOLUTION_MAINT = 0x20
    HOSTNAME_MAINT = 0x40


MAINT = Admin.FORCED_MAINT | Admin.INHERITED_MAINT | Admin.RESOLUTION_MAINT | Admin.HOSTNAME_MAINT
DRAIN = Admin.FORCED_DRAIN | Admin.INHERITED_DRAIN
OPERATIONAL = {"1", "2"}
"""`srv_op_state` STARTING and RUNNING."""

STATE_COLUMNS = ("be_name", "srv_name", "srv_admin_state", "srv_op_state", "srv_uweight")
STAT_COLUMNS = (
    "pxname",
    "svname",
    "scur",
    "qcur",
    *("check_status", "check_health", "check_rise", "check_fall"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """`servers` as BACKEND/SERVER; none named: every server that is called as this VM."""

    socket: str = "/run/haproxy/admin.sock"
    servers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        try:
            address(self.socket)
        except ValueError as error:
            raise ValueError(f"socket: {error}") from error
        for server in self.servers:
            if server.count("/") != 1 or not all(server.split("/")) or len(server.split()) != 1:
                raise ValueError(f"servers: expected BACKEND/SERVER, got {server!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One line of `show servers state`."""

    backend: str
    name: str
    admin: Admin
    operational: bool
    weight: int

    @property
    def entry(self) -> str:
        return f"{self.backend}/{self.name}"

    @property
    def takes_work(self) -> bool:
        """Administratively. A weight of zero is how operators drain, too."""
        return not self.admin & (MAINT | DRAIN) and self.weight > 0


class HaProxy:
    """Every server of this VM is one entry; `detail` is its exact administrative state."""

    name = "haproxy"
    cordons = True
    isolates = True
    read_every = timedelta(0)
    settles_in = SETTLES_IN

    def __init__(self, options: Options, around: Surroundings) -> None:
        self._options = options
        self._around = around
        self._api = RuntimeApi(address(options.socket))
        self._shown_in: tuple[str, ...] = ()

    def membership(self) -> Membership:
        entries = tuple(_entry(server) for server in self._ours(self._servers()))
        if taking := tuple(entry.name for entry in entries if entry.standing is Standing.IN):
            self._shown_in = taking
        info = facts(self._api.show("show info"))
        if "Pid" not in info:
            raise Transient("haproxy-garbled", "show info names no process")
        return Membership(entries=entries, generation=f"{info['Pid']}-{info.get('Start_time_sec', '')}")

    def in_flight(self) -> Work:
        """Sessions and queued requests of this VM's servers, as HAProxy counts them."""
        present = self._stats(server.entry for server in self._ours(self._servers())).values()
        if not present:
            return Unmeasured(reason="haproxy has no server of this VM")
        try:
            return InFlight(count=sum(_sum(row, "scur", "qcur") for row in present))
        except ValueError as error:
            raise Transient("haproxy-garbled", f"show stat: {error}") from error

    def cordon(self) -> Progress:
        """Soft: what is established, queued or sticky goes on until Isolate."""
        taking = [server.entry for server in self._ours(self._servers()) if server.takes_work]
        return self._set(taking, "drain")

    def isolate(self, was: Membership) -> Progress:
        """Maintenance for what took work before the cordon; an operator's drain stays a drain."""
        out = [server for server in self._ours(self._servers()) if not server.admin & MAINT]
        return self._set([server.entry for server in out if server.entry in was.taking_work], "maint")

    def restore(self, was: Membership) -> Progress:
        """Maintenance is first turned into drain, in which HAProxy checks; what it sees up becomes ready.

        A server that the file disables since then is its author's: it counts as gone.
        """
        before = {entry.name: entry for entry in was.entries if entry.standing is Standing.IN}
        owed = [s for s in self._ours(self._servers()) if s.entry in before]
        owed = [s for s in owed if not _disabled_since(s, before[s.entry])]
        if before and not owed:
            raise Refused("entry-gone", f"haproxy no longer has {', '.join(sorted(before))}")
        if maintained := [s.entry for s in owed if s.admin & Admin.FORCED_MAINT]:
            self._set(maintained, "drain")
            return Pending(reason=f"haproxy checks {', '.join(maintained)}")
        if others := [s.entry for s in owed if s.admin & (MAINT | Admin.INHERITED_DRAIN)]:
            return Pending(reason=f"{', '.join(others)}: out by DNS, or by the server it tracks")
        return self._ready([s.entry for s in owed if s.admin & Admin.FORCED_DRAIN])

    def in_service_count(self) -> int | Unmeasured:
        """The other servers of the same backends that are up and take work: the smallest backend counts."""
        servers = self._servers()
        ours = {server.entry for server in self._ours(servers)}
        if not ours:
            return Unmeasured(reason="haproxy has no server of this VM")
        others: dict[str, int] = defaultdict(int)
        for server in servers:
            others[server.backend] += server.entry not in ours and server.takes_work and server.operational
        return min(others[entry.split("/")[0]] for entry in ours)

    def undo(self) -> str:
        """`printf` into `socat`: for the servers that last took work, else for the configured ones."""
        names = self._shown_in or self._options.servers or (f"BACKEND/{self._around.vm_name() or 'SERVER'}",)
        commands = "; ".join(f"set server {name} state ready" for name in names)
        return f"echo {shlex.quote(commands)} | socat stdio {shlex.quote(_for_socat(self._options.socket))}"

    def close(self) -> None:
        """No connection is kept."""

    def _servers(self) -> tuple[Server, ...]:
        try:
            answer = self._api.show("show servers state")
            found = tuple(_server(row) for row in rows(answer, *STATE_COLUMNS))
        except ValueError as error:
            raise Transient("haproxy-garbled", f"show servers state: {error}") from error
        if len({server.entry for server in found}) < len(found):
            raise Transient("haproxy-garbled", "show servers state: a server stands twice")
        return found

    def _ours(self, servers: Iterable[Server]) -> tuple[Server, ...]:
        if self._options.servers:
            return tuple(server for server in servers if server.entry in self._options.servers)
        name = self._around.vm_name().casefold()
        if not name:
            raise Transient("vm-name-unknown", "which servers are this VM's is not known yet")
        return tuple(server for server in servers if server.name.casefold() == name)

    def _stats(self, names: Iterable[str]) -> Mapping[str, Mapping[str, str]]:
        """Of these servers, by BACKEND/SERVER: servers only (type 4), every proxy."""
        wanted, answer = frozenset(names), self._api.show("show stat -1 4 -1")
        found = ((f"{row['pxname']}/{row['svname']}", row) for row in rows(answer, *STAT_COLUMNS))
        return {entry: row for entry, row in found if entry in wanted}

    def _ready(self, names: list[str]) -> Progress:
        stats = self._stats(names) if names else {}
        try:
            unchecked = [name for name in names if name not in stats or not _is_up(stats[name])]
        except ValueError as error:
            raise Transient("haproxy-garbled", f"show stat: {error}") from error
        self._set([name for name in names if name not in unchecked], "ready")
        if unchecked:
            return Pending(reason=f"haproxy has not seen {', '.join(unchecked)} up yet")
        return Done()

    def _set(self, names: Iterable[str], state: str) -> Progress:
        """One command each; a server that went away meanwhile takes no work, which is all we asked."""
        for name in names:
            try:
                self._api.set(f"set server {name} state {state}")
            except Refused as refused:
                if refused.kind != "entry-gone":
                    raise
        return Done()


def _server(row: Mapping[str, str]) -> Server:
    return Server(
        backend=row["be_name"],
        name=row["srv_name"],
        admin=Admin(int(row["srv_admin_state"])),
        operational=row["srv_op_state"] in OPERATIONAL,
        weight=int(row["srv_uweight"]),
    )


def _entry(server: Server) -> Entry:
    return Entry(
        name=server.entry,
        standing=Standing.IN if server.takes_work else Standing.OUT,
        isolated=bool(server.admin & MAINT),
        detail=f"admin={server.admin.value:#04x}",
    )


def _disabled_since(server: Server, before: Entry) -> bool:
    return Admin.CONFIGURED_MAINT in server.admin and Admin.CONFIGURED_MAINT not in _admin(before.detail)


def _admin(detail: str) -> Admin:
    """The administrative state that `_entry` wrote down."""
    text = detail.removeprefix("admin=")
    try:
        return Admin(int(text, 16))
    except ValueError:
        return Admin.READY


def _sum(row: Mapping[str, str], *columns: str) -> int:
    """Raises ValueError, also for a count below zero: it could make up for another."""
    counts = [int(row[column] or 0) for column in columns]
    if min(counts) < 0:
        raise ValueError(f"{', '.join(columns)}: expected 0 or more, got {counts}")
    return sum(counts)


def _is_up(row: Mapping[str, str]) -> bool:
    """HAProxy's own check, if any, passed since maintenance ended.

    A server that leaves maintenance counts as up before its first check, with its health at `rise`; a pass
    lifts it to rise + fall − 1 (server-states in HAProxy's `server.c`). With fall 1 the two are the same.
    """
    if not row["check_status"]:
        return True
    return _sum(row, "check_health") >= _sum(row, "check_rise", "check_fall") - 1


def _for_socat(text: str) -> str:
    match address(text):
        case NetAddress(host=host, port=port):
            return f"tcp:[{host}]:{port}" if ":" in host else f"tcp:{host}:{port}"
        case other:
            return other.path


def build(options: Options, around: Surroundings) -> HaProxy:
    return HaProxy(options, around)


KIND = BackendKind(name="haproxy", options=Options, build=build)
