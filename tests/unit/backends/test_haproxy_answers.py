"""HAProxy's runtime API as it can go wrong: a scripted socket says what a real one seldom says."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from drainer.backends import haproxy_socket
from drainer.backends.haproxy import KIND, HaProxy, Options
from drainer.backends.haproxy_socket import NetAddress, RuntimeApi, UnixAddress, address
from drainer.clock import ManualClock
from drainer.core.model import (
    Done,
    Entry,
    Face,
    InFlight,
    Membership,
    Pending,
    Standing,
    Unmeasured,
)
from drainer.errors import Broken, Refused, Transient
from drainer.testing import surroundings

STATE = "be_id be_name srv_id srv_name srv_op_state srv_admin_state srv_uweight"
STAT = "# pxname,svname,qcur,scur,check_status,check_rise,check_fall,check_health,"
INFO = "Name: HAProxy\nPid: 7\nStart_time_sec: 1700000000\n\n"
QUOTED = "1 web 1 vm9 2 0 1\n" * 10_000
"""What one quotation mark before it makes a single cell of."""

LINES = "1 web 1 vm9 2 0 1\n" * (haproxy_socket.MOST_LINES + 1)
WAS = Membership(entries=(Entry(name="web/vm1", standing=Standing.IN, detail="admin=0x00"),))


@dataclass
class Line:
    name: str = "vm1"
    backend: str = "web"
    admin: int = 0
    op: int = 2
    weight: int = 1
    sessions: str = "0"
    check: str = ""
    health: str = ",,"


@dataclass
class Script:
    """What HAProxy would hold, and raw answers that go before it."""

    servers: list[Line] = field(default_factory=lambda: [Line(), Line("vm2")])
    raw: dict[str, bytes] = field(default_factory=dict)
    sets: list[str] = field(default_factory=list)

    def answer(self, command: str) -> bytes:
        for start, raw in self.raw.items():
            if command.startswith(start):
                return raw
        if command == "show info":
            return INFO.encode()
        if command.startswith("show servers state"):
            rows = [f"1 {s.backend} 1 {s.name} {s.op} {s.admin} {s.weight}" for s in self.servers]
            return "\n".join(("1", f"# {STATE}", *rows, "\n")).encode()
        if command.startswith("show stat"):
            rows = [f"{s.backend},{s.name},0,{s.sessions},{s.check},{s.health}," for s in self.servers]
            return "\n".join((STAT, *rows, "\n")).encode()
        self.sets.append(command)
        return b"\n"


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def backend(script: Script, tmp_path: Path) -> Iterator[HaProxy]:
    with serving(script, tmp_path / "admin.sock") as path:
        yield connect(path)


def connect(path: Path | str, *, vm: str = "vm1", **options: object) -> HaProxy:
    chosen = Options(socket=str(path), **options)  # type: ignore[arg-type]
    backend = KIND.build(chosen, surroundings(ManualClock(), vm=vm))
    assert isinstance(backend, HaProxy)
    return backend


@contextmanager
def serving(script: Script, path: Path) -> Iterator[Path]:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()

    def serve() -> None:
        while True:
            connection, _ = listener.accept()
            with connection, connection.makefile("rb") as asked:
                command = asked.readline().decode().strip()
                if not command:
                    return
                connection.sendall(script.answer(command))

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield path
    finally:
        with socket.socket(socket.AF_UNIX) as last:
            last.connect(str(path))
            last.shutdown(socket.SHUT_WR)
            thread.join()
        listener.close()


@pytest.mark.parametrize(
    ("admin", "weight", "standing", "isolated"),
    [
        (0x00, 1, Standing.IN, False),
        (0x04, 1, Standing.IN, False),
        (0x00, 0, Standing.OUT, False),
        (0x08, 1, Standing.OUT, False),
        (0x10, 1, Standing.OUT, False),
        (0x01, 1, Standing.OUT, True),
        (0x05, 1, Standing.OUT, True),
        (0x02, 1, Standing.OUT, True),
        (0x20, 1, Standing.OUT, True),
        (0x40, 1, Standing.OUT, True),
    ],
)
def test_what_an_administrative_state_means(
    backend: HaProxy, script: Script, admin: int, weight: int, standing: Standing, isolated: bool
) -> None:
    """Every flag of the management guide is read as in, out, or hard out; the detail keeps it exactly."""
    script.servers = [Line(admin=admin, weight=weight)]
    expected = Entry(name="web/vm1", standing=standing, isolated=isolated, detail=f"admin={admin:#04x}")
    assert backend.membership() == Membership(entries=(expected,), generation="7-1700000000")


def test_health_is_not_membership(backend: HaProxy, script: Script) -> None:
    """A server that HAProxy sees down is still a member that takes new work."""
    script.servers = [Line(op=0)]
    assert backend.membership().face is Face.IN


def test_already_removed_is_success(backend: HaProxy, script: Script) -> None:
    """A VM that no backend names is Out, its cordon is a no-op, and restore adds nothing."""
    script.servers = [Line("vm2")]
    assert backend.membership().face is Face.OUT
    assert backend.cordon() == backend.isolate(WAS) == Done()
    assert backend.restore(Membership(entries=())) == Done()
    assert script.sets == []


def test_node_not_found_is_said(backend: HaProxy, script: Script) -> None:
    """Where HAProxy has no server of this VM nothing is measured, and giving back says which is gone."""
    script.servers = [Line("vm2")]
    assert backend.in_flight() == Unmeasured(reason="haproxy has no server of this VM")
    assert isinstance(backend.in_service_count(), Unmeasured)
    with pytest.raises(Refused, match="web/vm1") as refused:
        backend.restore(WAS)
    assert refused.value.kind == "entry-gone"


def test_a_server_that_goes_between_read_and_write_is_success(backend: HaProxy, script: Script) -> None:
    """Deleted in between, it takes no new work: that is what was asked for."""
    script.raw["set server"] = b"No such server.\n\n"
    assert backend.cordon() == Done()


def test_partial_fan_out_is_retried_never_rolled_back(backend: HaProxy, script: Script) -> None:
    """The second of two servers refuses: the first stays drained, and a retry asks the rest only."""
    script.servers = [Line(), Line(backend="api")]
    script.raw["set server api/vm1"] = b"Busy.\n\n"
    with pytest.raises(Refused, match="Busy"):
        backend.cordon()
    assert script.sets == ["set server web/vm1 state drain"]
    script.servers[0].admin = 0x08
    del script.raw["set server api/vm1"]
    assert backend.cordon() == Done()
    assert script.sets == ["set server web/vm1 state drain", "set server api/vm1 state drain"]


def test_fail_then_retry_and_undo(backend: HaProxy, script: Script) -> None:
    """Two failed calls leave nothing changed, the third acts, and the undo command is exact all along."""
    undo = "echo 'set server web/vm1 state ready' | socat stdio "
    backend.membership()
    script.raw["set server"] = b""
    for _ in range(2):
        with pytest.raises(Transient):
            backend.cordon()
        assert backend.undo().startswith(undo)
    script.raw.clear()
    assert backend.cordon() == Done()
    assert backend.undo().startswith(undo)


def test_undo_names_what_it_can(tmp_path: Path) -> None:
    """Before anything was read: the configured servers, or a pattern; and socat is told the address."""
    chosen = connect(tmp_path / "a b.sock", servers=("web/a", "api/b"))
    expected = "echo 'set server web/a state ready; set server api/b state ready' | socat stdio "
    assert chosen.undo() == f"{expected}'{tmp_path}/a b.sock'"
    assert (
        connect("ipv4@127.0.0.1:9999")
        .undo()
        .endswith("'set server BACKEND/vm1 state ready' | socat stdio tcp:127.0.0.1:9999")
    )
    assert (
        connect("ipv6@[::1]:9999", vm="")
        .undo()
        .endswith("BACKEND/SERVER state ready' | socat stdio 'tcp:[::1]:9999'")
    )


def test_an_unknown_name_is_waited_for(script: Script, tmp_path: Path) -> None:
    """Until the VM's name is known its servers are not guessed."""
    with serving(script, tmp_path / "s") as path, pytest.raises(Transient, match="vm-name-unknown"):
        connect(path, vm="").membership()


def test_configured_servers_alone_are_ours(script: Script, tmp_path: Path) -> None:
    """Named servers win over the VM's name."""
    with serving(script, tmp_path / "s") as path:
        read = connect(path, servers=("web/vm2",)).membership()
    assert read.taking_work == {"web/vm2"}


def test_work_in_flight_is_sessions_and_queue(backend: HaProxy, script: Script) -> None:
    """Current sessions and queued requests of this VM's servers are counted, nobody else's."""
    script.servers = [Line(sessions="2"), Line(backend="api", sessions="1"), Line("vm2", sessions="9")]
    assert backend.in_flight() == InFlight(count=3)


def test_the_smallest_backend_counts(backend: HaProxy, script: Script) -> None:
    """Others in service: up, taking work, and in the backend that has fewest of them."""
    script.servers = [
        Line(),
        Line("vm2"),
        Line("vm3"),
        Line("vm4", op=0),
        Line(backend="api"),
        Line("vm2", backend="api"),
        Line("vm3", backend="api", admin=0x08),
        Line("vm9", backend="other"),
    ]
    assert backend.in_service_count() == 1


def test_isolate_spares_an_operators_drain(backend: HaProxy, script: Script) -> None:
    """What was drained before our cordon is not put into maintenance."""
    script.servers = [Line(), Line(backend="api", admin=0x08)]
    backend.cordon()
    script.servers[0].admin = 0x08
    backend.isolate(WAS)
    assert script.sets == ["set server web/vm1 state drain", "set server web/vm1 state maint"]


def test_isolate_after_a_restart_takes_what_was_in(backend: HaProxy, script: Script) -> None:
    """A process that did not see the cordon isolates what took work before it, and nothing else."""
    script.servers = [Line(admin=0x08), Line(backend="api", admin=0x08), Line(backend="dns", admin=0x01)]
    backend.isolate(WAS)
    assert script.sets == ["set server web/vm1 state maint"]


def test_maintenance_goes_through_drain(backend: HaProxy, script: Script) -> None:
    """Never from maintenance to ready at once: HAProxy checks in between."""
    script.servers = [Line(admin=0x01)]
    assert isinstance(backend.restore(WAS), Pending)
    assert script.sets == ["set server web/vm1 state drain"]


@pytest.mark.parametrize(
    ("check", "health", "ready"),
    [
        ("", ",,", True),
        ("L7OK", "2,3,4", True),
        ("L7OK", "2,3,2", False),
        ("L4CON", "2,3,0", False),
        ("* L7OK", "2,3,4", True),
        ("L7OK", "1,1,1", True),
    ],
    ids=["no check", "up", "just out of maintenance", "down", "checking", "fall 1"],
)
def test_ready_only_after_haproxys_own_check(
    backend: HaProxy, script: Script, check: str, health: str, ready: bool
) -> None:
    """A server is given back once HAProxy has seen it fully up, or does not check it."""
    script.servers = [Line(admin=0x08, check=check, health=health)]
    found = backend.restore(WAS)
    assert isinstance(found, Done if ready else Pending)
    assert script.sets == (["set server web/vm1 state ready"] if ready else [])


def test_restore_spares_what_the_file_disables_since(backend: HaProxy, script: Script) -> None:
    """A server disabled in the file during the episode is its author's: it counts as gone."""
    script.servers = [Line(admin=0x05)]
    with pytest.raises(Refused) as refused:
        backend.restore(WAS)
    assert refused.value.kind == "entry-gone"
    before = Entry(name="web/vm1", standing=Standing.IN, detail="admin=0x04")
    assert isinstance(backend.restore(Membership(entries=(before,))), Pending)


def test_restore_believes_no_foreign_detail(backend: HaProxy, script: Script) -> None:
    """A detail that we never wrote is read as plain ready."""
    script.servers = [Line(admin=0x05), Line(backend="api", admin=0x08)]
    odd = tuple(Entry(name=name, standing=Standing.IN, detail="?") for name in ("web/vm1", "api/vm1"))
    assert backend.restore(Membership(entries=odd)) == Done()
    assert script.sets == ["set server api/vm1 state ready"]


@pytest.mark.parametrize("admin", [0x02, 0x10, 0x20])
def test_what_others_hold_out_is_waited_for(backend: HaProxy, script: Script, admin: int) -> None:
    """Out by DNS or by a tracked server: nothing is ours to set, so it is Pending with the reason."""
    script.servers = [Line(admin=admin)]
    assert backend.restore(WAS) == Pending(reason="web/vm1: out by DNS, or by the server it tracks")
    assert script.sets == []


@pytest.mark.parametrize(
    ("command", "raw"),
    [
        ("show servers state", b""),
        ("show servers state", b"1\n# be_id be_name"),
        ("show servers state", b"1\n\n"),
        ("show servers state", f"1\n# {STATE}\n1 web 1 vm1 2\n\n".encode()),
        ("show servers state", f"1\n# {STATE}\n1 web 1 vm1 2 0 1\n".encode()),
        ("show servers state", f"1\n# {STATE}\n1 web 1 vm1 2 x 1\n\n".encode()),
        ("show servers state", b"1\n# be_id be_name\n1 web\n\n"),
        ("show servers state", f"1\n# {STATE} more\n1 web 1 vm1 2 0 1\n\n".encode()),
        ("show servers state", f"1\n# {STATE}\n1 web 1 vm1 2 4096 1\n\n".encode()),
        ("show servers state", f"1\n# {STATE}\n1 web 1 vm1 2 0 1\n1 web 1 vm1 2 1 1\n\n".encode()),
        ("show servers state", f"1\n# {STATE}\n1 web 1 vm1 2 0 {'1' * 70_000}\n\n".encode()),
        ("show servers state", f'1\n# {STATE}\n1 web 1 "vm1 2 0 1\n{QUOTED}\n'.encode()),
        ("show servers state", f"1\n# {STATE}\n{LINES}\n".encode()),
        ("show servers state", b"1\n# be_id\n\n"),
        ("show info", b"Name: HAProxy\n\n"),
    ],
)
def test_half_an_answer_is_no_answer(backend: HaProxy, script: Script, command: str, raw: bytes) -> None:
    """Cut short, incomplete or not understood: Transient, never a smaller membership."""
    script.raw[command] = raw
    with pytest.raises(Transient, match="haproxy-garbled"):
        backend.membership()


@pytest.mark.parametrize(
    "raw",
    [
        b"# pxname,svname,qcur,\nweb,vm1,0,\n\n",
        b"# svname,qcur,scur,\nvm1,0,0,\n\n",
        f"{STAT}\nweb,vm1,0,x,,,,,\n\n".encode(),
        f"{STAT}\nweb,vm1,-1,1,,,,,\n\n".encode(),
    ],
)
def test_half_a_count_is_no_count(backend: HaProxy, script: Script, raw: bytes) -> None:
    """Statistics that lack a column, or count in words or below zero, are Transient."""
    script.raw["show stat"] = raw
    with pytest.raises(Transient, match="haproxy-garbled"):
        backend.in_flight()


def test_a_check_that_is_not_understood_is_not_up(backend: HaProxy, script: Script) -> None:
    """Where HAProxy's check reads as garbage nothing is given back."""
    script.servers = [Line(admin=0x08, check="L7OK", health="2,3,x")]
    with pytest.raises(Transient, match="haproxy-garbled"):
        backend.restore(WAS)
    assert script.sets == []


def test_a_server_without_statistics_is_not_up(backend: HaProxy, script: Script) -> None:
    """What HAProxy's statistics leave out was not seen up: it is waited for, not given back."""
    script.servers = [Line(admin=0x08)]
    script.raw["show stat"] = f"{STAT}\n\n".encode()
    assert isinstance(backend.restore(WAS), Pending)
    assert script.sets == []


@pytest.mark.parametrize("command", ["show", "set server"])
def test_permission_denied_is_refused(backend: HaProxy, script: Script, command: str) -> None:
    """A socket without the level is Refused, and the reason names the level."""
    script.raw[command] = b"Permission denied\n\n"
    with pytest.raises(Refused, match="level admin"):
        backend.cordon()


def test_a_lost_answer_is_transient(backend: HaProxy, script: Script) -> None:
    """HAProxy that closes without a word may have acted."""
    script.raw["set server"] = b""
    with pytest.raises(Transient, match="haproxy-garbled"):
        backend.cordon()


def test_no_socket_is_transient(tmp_path: Path) -> None:
    """HAProxy that is not there, or refuses, is waited for, and the path is named."""
    with pytest.raises(Transient, match=f"{tmp_path}/none: no such socket"):
        connect(tmp_path / "none").membership()
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "dead"))
        with pytest.raises(Transient, match=f"{tmp_path}/dead"):
            connect(tmp_path / "dead").membership()


def test_a_forbidden_socket_needs_a_person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A socket that this user may not open is Broken, with its path."""

    class Forbidden(RuntimeApi):
        def _connected(self) -> socket.socket:
            raise PermissionError(13, "Permission denied")

    with pytest.raises(Broken, match="/forbidden: Permission denied"):
        Forbidden(UnixAddress(path="/forbidden")).show("show info")


def test_silence_and_floods_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A peer that says nothing, trickles, or never ends is Transient in time."""
    monkeypatch.setattr(haproxy_socket, "TIME_S", 0.2)
    monkeypatch.setattr(haproxy_socket, "ANSWER_LIMIT", 1000)
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(Transient, match="timed out"):
        RuntimeApi(NetAddress(host="127.0.0.1", port=silent.getsockname()[1])).show("show info")
    script = Script(raw={"show info": b"x" * 2000})
    with serving(script, tmp_path / "s") as path, pytest.raises(Transient, match="too large"):
        RuntimeApi(UnixAddress(path=str(path))).show("show info")
    left, right = socket.socketpair()
    with left, right:
        right.sendall(b"x")
        with pytest.raises(TimeoutError):
            haproxy_socket._whole(left, 0.0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/run/haproxy/admin.sock", UnixAddress(path="/run/haproxy/admin.sock")),
        ("unix@/run/admin.sock", UnixAddress(path="/run/admin.sock")),
        ("ipv4@127.0.0.1:9999", NetAddress(host="127.0.0.1", port=9999)),
        ("ipv6@[::1]:9999", NetAddress(host="::1", port=9999)),
    ],
)
def test_an_address_as_haproxy_writes_it(text: str, expected: object) -> None:
    """A path, or an address with its family in front."""
    assert address(text) == expected
    assert Options(socket=text).socket == text


@pytest.mark.parametrize(
    "text", ["admin.sock", "unix@admin.sock", "ipv4@127.0.0.1", "ipv4@:1", "tcp@a:1", "ipv4@a:0"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    """The option's name stands in front."""
    with pytest.raises(ValueError, match=r"^socket: expected .*, got "):
        Options(socket=text)


@pytest.mark.parametrize("text", ["vm1", "web/", "/vm1", "a/b/c", "web/vm 1"])
def test_what_is_no_server_is_refused(text: str) -> None:
    """Servers are named with their backend."""
    with pytest.raises(ValueError, match=r"^servers: expected BACKEND/SERVER, got "):
        Options(servers=(text,))
