"""This VM's own established connections on the service ports, from the kernel's tables.

The tables can hold tens of thousands of lines: one regular expression over the whole file finds those of
the service ports, and only these are looked at. Addresses are compared as the kernel prints them.
"""

from __future__ import annotations

import ipaddress
import re
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from drainer.core.model import InFlight, Unmeasured, Work

TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
OWN_FILES = Path("/proc/self/fd")

ESTABLISHED = b"01"
LISTENING = b"0A"
CLOSING = frozenset({b"04", b"08", b"09", b"0B"})
"""FIN_WAIT1, CLOSE_WAIT, LAST_ACK, CLOSING: they count while bytes are still unsent."""

NOTHING = b"00000000"


class Row(NamedTuple):
    """One line of a table, in the kernel's hexadecimal. A tuple: tens of thousands are made in one go."""

    local: bytes
    local_port: bytes
    peer: bytes
    peer_port: bytes
    state: bytes
    unsent: bytes
    inode: bytes


class KernelConnections:
    """Counts once per call. `ignored_peers`: addresses or networks of the balancer's prober.

    `local_addresses`: where several VMs share one network namespace, the addresses of this one; none
    named: all. `tables` and `own_files` are the kernel's, for tests to replace.
    """

    def __init__(
        self,
        *,
        service_ports: tuple[int, ...],
        ignored_peers: tuple[str, ...] = (),
        local_addresses: tuple[str, ...] = (),
        tables: tuple[Path, ...] = TABLES,
        own_files: Path = OWN_FILES,
    ) -> None:
        self._ports = {port: f"{port:04X}".encode() for port in service_ports}
        self._to_us = _rows_of(local=self._ports.values())
        self._by_us = _rows_of(peer=self._ports.values())
        ignored = [ipaddress.ip_network(peer) for peer in ignored_peers]
        single = [str(network.network_address) for network in ignored if network.num_addresses == 1]
        self._ignored = _LOOPBACK | {form for address in single for form in _forms(address)}
        self._ignored_networks = [network for network in ignored if network.num_addresses > 1]
        self._local = frozenset(form for address in local_addresses for form in _forms(address))
        self._tables = tables
        self._own_files = own_files

    def in_flight(self) -> Work:
        try:
            text = b"".join(_read(table) for table in self._tables)
        except OSError as error:
            return Unmeasured(reason=f"{error.filename}: {error.strerror}")
        rows = tuple(_found(self._to_us, text))
        listening = {row.local_port for row in rows if row.state == LISTENING}
        silent = [str(port) for port, text in self._ports.items() if text not in listening]
        if silent or not self._ports:
            return Unmeasured(reason=f"nothing listens on port {', '.join(silent) or '(none named)'}")
        return InFlight(count=self._count(rows, text))

    def _count(self, rows: tuple[Row, ...], text: bytes) -> int:
        busy = [row for row in rows if _is_busy(row) and self._is_foreign(row)]
        if not busy:
            return 0
        own = self._own_ends(text)
        return sum((row.peer, row.peer_port) not in own for row in busy)

    def _is_foreign(self, row: Row) -> bool:
        """Not this VM talking to itself, nor the prober. Other loopback addresses are other VMs."""
        if row.peer == row.local or row.peer in self._ignored:
            return False
        if self._local and row.local not in self._local:
            return False
        if not self._ignored_networks:
            return True
        peer = _address(row.peer)
        return not any(peer in network for network in self._ignored_networks)

    def _own_ends(self, text: bytes) -> frozenset[tuple[bytes, bytes]]:
        """The near ends of this process's own checks."""
        inodes = _own_inodes(self._own_files)
        return frozenset(
            (row.local, row.local_port) for row in _found(self._by_us, text) if row.inode in inodes
        )


def _read(table: Path) -> bytes:
    """A kernel without IPv6 has no table of it."""
    try:
        return table.read_bytes()
    except FileNotFoundError:
        if table.name.endswith("6"):
            return b""
        raise


def _rows_of(*, local: Iterable[bytes] = (), peer: Iterable[bytes] = ()) -> re.Pattern[bytes]:
    """Lines whose local (or peer) port is one of these; where none is given, any port matches."""
    any_port = b"[0-9A-F]{4}"
    near, far = b"|".join(local) or any_port, b"|".join(peer) or any_port
    address = rb"([0-9A-F]{8}(?:[0-9A-F]{24})?)"
    return re.compile(
        rb": " + address + rb":(" + near + rb") " + address + rb":(" + far + rb") "
        rb"([0-9A-F]{2}) ([0-9A-F]{8}):[0-9A-F]{8} \S+ \S+ +\d+ +\d+ (\d+)"
    )


def _found(pattern: re.Pattern[bytes], text: bytes) -> Iterator[Row]:
    return (Row._make(match.groups()) for match in pattern.finditer(text))


def _is_busy(row: Row) -> bool:
    return row.state == ESTABLISHED or (row.state in CLOSING and row.unsent != NOTHING)


def _own_inodes(files: Path) -> frozenset[bytes]:
    links = (_target(entry) for entry in files.iterdir())
    return frozenset(link[len("socket:[") : -1].encode() for link in links if link.startswith("socket:["))


def _target(entry: Path) -> str:
    """Where the link leads; "" when the file was closed meanwhile."""
    try:
        return str(entry.readlink())
    except OSError:
        return ""


def _forms(text: str) -> tuple[bytes, ...]:
    """An address as the tables print it: 32-bit words in the machine's own byte order; IPv4 also mapped."""
    address = ipaddress.ip_address(text)
    if address.version == 6:
        return (_words(address.packed),)
    mapped = ipaddress.ip_address(f"::ffff:{text}")
    return _words(address.packed), _words(mapped.packed)


def _words(packed: bytes) -> bytes:
    return b"".join(b"%08X" % word for word in struct.unpack(f"={len(packed) // 4}I", packed))


def _address(form: bytes) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    words = (int(form[at : at + 8], 16) for at in range(0, len(form), 8))
    packed = b"".join(struct.pack("=I", word) for word in words)
    if len(packed) == 4:
        return ipaddress.IPv4Address(packed)
    address = ipaddress.IPv6Address(packed)
    return address.ipv4_mapped or address


_LOOPBACK = frozenset((*_forms("127.0.0.1"), *_forms("::1")))
