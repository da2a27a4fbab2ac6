"""Own connections as the kernel's tables show them."""

from __future__ import annotations

import ipaddress
import os
import socket
import struct
from pathlib import Path
from time import monotonic

import pytest

from drainer.connections import KernelConnections
from drainer.core.model import InFlight, Unmeasured, Work

OURS = "10.0.0.4"
PEER = "10.0.0.9"
HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
ESTABLISHED, FIN_WAIT1, FIN_WAIT2, TIME_WAIT, CLOSE_WAIT, LAST_ACK, LISTEN, CLOSING = 1, 4, 5, 6, 8, 9, 10, 11


def line(local: str, peer: str, state: int = ESTABLISHED, *, unsent: int = 0, inode: int = 1) -> str:
    return (
        f"   0: {_end(local)} {_end(peer)} {state:02X} {unsent:08X}:00000000 00:00000000 00000000"
        f"  1000        0 {inode} 1 0000000000000000 20 4 30 10 -1\n"
    )


def _end(text: str) -> str:
    host, _, port = text.rpartition(":")
    packed = ipaddress.ip_address(host).packed
    words = struct.unpack(f"={len(packed) // 4}I", packed)
    return f"{''.join(f'{word:08X}' for word in words)}:{int(port):04X}"


LISTENS = line("0.0.0.0:80", "0.0.0.0:0", LISTEN)


def counted(directory: Path, v4: str, v6: str | None = None, **options: object) -> Work:
    (directory / "tcp").write_text(HEAD + v4)
    if v6 is not None:
        (directory / "tcp6").write_text(HEAD + v6)
    chosen = {"service_ports": (80,), "tables": (directory / "tcp", directory / "tcp6"), **options}
    return KernelConnections(**chosen).in_flight()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("state", "unsent", "count"),
    [
        (ESTABLISHED, 0, 1),
        (FIN_WAIT1, 1, 1),
        (CLOSE_WAIT, 1, 1),
        (LAST_ACK, 1, 1),
        (CLOSING, 1, 1),
        (FIN_WAIT1, 0, 0),
        (CLOSE_WAIT, 0, 0),
        (LAST_ACK, 0, 0),
        (CLOSING, 0, 0),
        (FIN_WAIT2, 0, 0),
        (TIME_WAIT, 0, 0),
    ],
)
def test_established_or_unsent_counts(tmp_path: Path, state: int, unsent: int, count: int) -> None:
    """An established connection is work, a closing one only while bytes are unsent."""
    assert counted(tmp_path, LISTENS + line(f"{OURS}:80", f"{PEER}:5000", state, unsent=unsent)) == InFlight(
        count=count
    )


@pytest.mark.parametrize(
    ("local", "peer", "count"),
    [
        (f"{OURS}:80", f"{PEER}:5000", 1),
        (f"{OURS}:8080", f"{PEER}:5000", 0),
        (f"{OURS}:5000", f"{PEER}:80", 0),
        ("127.0.0.1:80", "127.0.0.1:5000", 0),
        ("127.0.0.2:80", "127.0.0.1:5000", 0),
        (f"{OURS}:80", f"{OURS}:5000", 0),
        ("127.0.0.2:80", "127.0.0.3:5000", 1),
        (f"{OURS}:80", "168.63.129.16:5000", 0),
        (f"{OURS}:80", "192.0.2.77:5000", 0),
    ],
)
def test_whose_connections_count(tmp_path: Path, local: str, peer: str, count: int) -> None:
    """On a service port, and not from loopback, this VM itself or the prober; other 127.x are other VMs."""
    found = counted(tmp_path, LISTENS + line(local, peer), ignored_peers=("168.63.129.16", "192.0.2.0/24"))
    assert found == InFlight(count=count)


@pytest.mark.parametrize(
    ("local", "peer", "count"),
    [
        ("2001:db8::4", "2001:db8::9", 1),
        ("::ffff:10.0.0.4", "::ffff:10.0.0.9", 1),
        ("::1", "::1", 0),
        ("::ffff:127.0.0.2", "::ffff:127.0.0.1", 0),
        ("2001:db8::4", "2001:db8::4", 0),
        ("::ffff:10.0.0.4", "::ffff:168.63.129.16", 0),
        ("::ffff:10.0.0.4", "::ffff:192.0.2.1", 0),
        ("2001:db8::4", "2001:db8:1::7", 0),
    ],
)
def test_ipv6_and_mapped_addresses(tmp_path: Path, local: str, peer: str, count: int) -> None:
    """The same holds for IPv6, and for IPv4 as a dual-stack socket shows it."""
    listens = line(":::80", ":::0", LISTEN)
    ignored = ("168.63.129.16", "192.0.2.0/24", "2001:db8:1::/48")
    found = counted(tmp_path, "", listens + line(f"{local}:80", f"{peer}:5000"), ignored_peers=ignored)
    assert found == InFlight(count=count)


def test_only_this_vms_addresses_where_several_share_a_namespace(tmp_path: Path) -> None:
    """With local addresses named, connections to the others are not ours."""
    table = LISTENS + line("127.0.0.2:80", "127.0.0.9:1") + line("127.0.0.3:80", "127.0.0.9:2")
    assert counted(tmp_path, table, local_addresses=("127.0.0.2",)) == InFlight(count=1)


def test_own_checks_do_not_count(tmp_path: Path) -> None:
    """A connection whose other end is a socket of this process is a check of ours."""
    own = tmp_path / "fd"
    own.mkdir()
    (own / "3").symlink_to("socket:[777]")
    (own / "4").symlink_to("/dev/null")
    (own / "5").write_text("no link")
    table = (
        LISTENS
        + line(f"{OURS}:80", "10.0.0.5:6000")
        + line("10.0.0.5:6000", f"{OURS}:80", inode=777)
        + line(f"{OURS}:80", "10.0.0.5:6001")
        + line("10.0.0.5:6001", f"{OURS}:80", inode=778)
    )
    assert counted(tmp_path, table, own_files=own) == InFlight(count=1)


def test_nothing_listening_is_unmeasured(tmp_path: Path) -> None:
    """A service port that nobody listens on here is served elsewhere: zero would be no measure."""
    assert counted(tmp_path, line(f"{OURS}:80", f"{PEER}:1")) == Unmeasured(
        reason="nothing listens on port 80"
    )
    assert counted(tmp_path, LISTENS, service_ports=(80, 443)) == Unmeasured(
        reason="nothing listens on port 443"
    )
    assert isinstance(counted(tmp_path, LISTENS, service_ports=()), Unmeasured)


def test_an_unreadable_table_is_unmeasured(tmp_path: Path) -> None:
    """Without IPv6 its table is missing and that is fine; without the IPv4 table nothing is known."""
    (tmp_path / "tcp6").write_text(HEAD + LISTENS)
    assert isinstance(counted(tmp_path, LISTENS), InFlight)
    tables = (tmp_path / "nowhere", tmp_path / "tcp6")
    found = KernelConnections(service_ports=(80,), tables=tables).in_flight()
    assert found == Unmeasured(reason=f"{tmp_path}/nowhere: No such file or directory")


def test_large_tables_are_quick(tmp_path: Path) -> None:
    """Fifty thousand lines, half of them on the service port, take well under a second."""
    rows = [
        line(f"{OURS}:{80 if n % 2 else 8080}", f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}:99")
        for n in range(50000)
    ]
    began = monotonic()
    assert counted(tmp_path, LISTENS + "".join(rows)) == InFlight(count=25000)
    assert monotonic() - began < 2


@pytest.mark.skipif(not os.path.exists("/proc/net/tcp"), reason="needs Linux's /proc/net/tcp")
def test_the_real_tables() -> None:
    """Against the kernel itself: another address's connection counts, this process's own does not."""
    with socket.create_server(("127.0.0.2", 0)) as server:
        port = server.getsockname()[1]
        connections = KernelConnections(service_ports=(port,))
        assert connections.in_flight() == InFlight(count=0)
        with socket.create_connection(("127.0.0.2", port), source_address=("127.0.0.3", 0)):
            assert connections.in_flight() == InFlight(count=0)
            elsewhere = KernelConnections(service_ports=(port,), own_files=Path("/proc/self/task"))
            assert elsewhere.in_flight() == InFlight(count=1)
