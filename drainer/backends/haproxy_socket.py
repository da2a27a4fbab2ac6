"""HAProxy's runtime API: one command per connection, its answer whole or an error.

A leaf under the adapter: it knows the wire (management guide, "Unix Socket commands") and the columns of
`show servers state`, `show stat` and `show info`, and must not know what is done with them.
"""

from __future__ import annotations

import csv
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from time import monotonic

from drainer.errors import Broken, Refused, Transient

TIME_S = 2.0
ANSWER_LIMIT = 16 << 20
LONGEST_LINE = 1 << 16
MOST_LINES = 100_000
CHUNK = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class UnixAddress:
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NetAddress:
    host: str
    port: int


Address = UnixAddress | NetAddress


def address(text: str) -> Address:
    """`/PATH`, `unix@/PATH`, `ipv4@HOST:PORT` or `ipv6@[HOST]:PORT`. Raises ValueError."""
    kind, at, rest = text.partition("@")
    if not at and text.startswith("/"):
        return UnixAddress(path=text)
    host, _, port = rest.rpartition(":")
    match kind:
        case "unix" if rest.startswith("/"):
            return UnixAddress(path=rest)
        case "ipv4" | "ipv6" if host and port.isascii() and port.isdigit() and 0 < int(port) < 65536:
            return NetAddress(host=host.strip("[]"), port=int(port))
        case _:
            raise ValueError(f"expected /PATH, unix@/PATH, ipv4@HOST:PORT or ipv6@[HOST]:PORT, got {text!r}")


class RuntimeApi:
    """Reads and writes, each bounded by two seconds."""

    def __init__(self, where: Address) -> None:
        self._where = where

    def show(self, command: str) -> str:
        """A read's answer. Raises Transient, Refused or Broken."""
        answer = self._ask(command)
        if answer.startswith("Permission denied"):
            raise Refused("haproxy-permission", f"{command}: the socket needs level admin or operator")
        return answer

    def set(self, command: str) -> None:
        """A write. Raises Refused kind "entry-gone" where the server is no longer there."""
        match self._ask(command).strip():
            case "":
                return
            case "No such server." | "No such backend.":
                raise Refused("entry-gone", f"{command}: no such server")
            case denied if denied.startswith("Permission denied"):
                raise Refused("haproxy-permission", f"{command}: the socket needs level admin")
            case other:
                raise Refused("haproxy-refused", f"{command}: {other.splitlines()[0][:200]}")

    def _ask(self, command: str) -> str:
        try:
            with self._connected() as connection:
                connection.sendall(f"{command}\n".encode())
                answer = _whole(connection, monotonic() + TIME_S)
        except FileNotFoundError as error:
            raise Transient("haproxy-unreachable", f"{self._shown}: no such socket") from error
        except PermissionError as error:
            raise Broken("haproxy-permission", f"{self._shown}: {error.strerror}") from error
        except OSError as error:
            raise Transient("haproxy-unreachable", f"{self._shown}: {error}") from error
        if not answer.endswith(b"\n"):
            raise Transient("haproxy-garbled", f"{command}: the answer ended early")
        return answer.decode(errors="replace")

    def _connected(self) -> socket.socket:
        match self._where:
            case NetAddress(host=host, port=port):
                return socket.create_connection((host, port), timeout=TIME_S)
            case UnixAddress(path=path):
                connection = socket.socket(socket.AF_UNIX)
                try:
                    connection.settimeout(TIME_S)
                    connection.connect(path)
                except OSError:
                    connection.close()
                    raise
                return connection

    @property
    def _shown(self) -> str:
        match self._where:
            case NetAddress(host=host, port=port):
                return f"{host}:{port}"
            case UnixAddress(path=path):
                return path


def rows(answer: str, *columns: str) -> Iterator[Mapping[str, str]]:
    """These columns of a table as HAProxy prints it: a header that begins with "# ", then one line per row.

    Commas separate where the header has them, else blanks. One row at a time: a table is long, and what
    stands in HAProxy's place may make it longer. Raises Transient where a row is incomplete, since half a
    table must not pass for all of it, or where a column that HAProxy always has is missing.
    """
    lines = _lines(answer)
    header = next((line for line in lines if line.startswith("# ")), None)
    if header is None or not answer.endswith("\n\n"):
        raise Transient("haproxy-garbled", f"no whole table: {answer[:100]!r}")
    try:
        yield from _rows(csv.reader(_with(header, lines), delimiter="," if "," in header else " "), columns)
    except csv.Error as error:
        raise Transient("haproxy-garbled", f"the table cannot be read: {error}") from error


def _rows(table: Iterator[list[str]], columns: tuple[str, ...]) -> Iterator[Mapping[str, str]]:
    names = [name.removeprefix("# ") for name in next(table) if name not in ("", "#")]
    try:
        places = {column: names.index(column) for column in columns}
    except ValueError as error:
        raise Transient("haproxy-garbled", f"a column of the table is missing: {error}") from error
    for row in table:
        if len(row) < len(names):
            raise Transient("haproxy-garbled", "a row of the table is incomplete")
        yield {column: row[at] for column, at in places.items()}


def _with(header: str, lines: Iterator[str]) -> Iterator[str]:
    yield header
    yield from (line for line in lines if line)


def _lines(text: str) -> Iterator[str]:
    """Whole lines. Raises Transient where there are more, or longer ones, than any HAProxy prints."""
    at = 0
    for _ in range(MOST_LINES):
        end = text.find("\n", at)
        if end < 0:
            return
        if end - at > LONGEST_LINE:
            raise Transient("haproxy-garbled", f"a line of {end - at} characters")
        yield text[at:end]
        at = end + 1
    raise Transient("haproxy-garbled", f"the answer has more than {MOST_LINES} lines")


def facts(answer: str) -> Mapping[str, str]:
    """`NAME: VALUE` lines."""
    pairs = (line.partition(": ") for line in answer.splitlines())
    return {name: value for name, colon, value in pairs if colon}


def _whole(connection: socket.socket, deadline: float) -> bytes:
    """Everything until the other side closes."""
    answer = bytearray()
    while True:
        left = deadline - monotonic()
        if left <= 0:
            raise TimeoutError("no complete answer in time")
        connection.settimeout(left)
        chunk = connection.recv(CHUNK)
        if not chunk:
            return bytes(answer)
        answer += chunk
        if len(answer) > ANSWER_LIMIT:
            raise OSError("the answer is too large")
