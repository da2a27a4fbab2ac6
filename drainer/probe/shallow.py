"""The probe unit's own check of the application: shallow, bounded, and remembered for half a second.

Standard library only: the unit is to stay tiny.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from urllib.parse import urlsplit

BOUND_S = 1.0
REMEMBERED_S = 0.5
STATUS_LINE_LIMIT = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where to ask; `path` None: a connection is enough, else it takes HTTP 200."""

    host: str
    port: int
    path: str | None = None


def target(text: str) -> Target:
    """`http://HOST[:PORT]/PATH` or `HOST:PORT`, IPv6 in brackets. Raises ValueError."""
    is_url = text.startswith("http://")
    parts = urlsplit(text if is_url else f"//{text}")
    port = parts.port or (80 if is_url else None)
    if not parts.hostname or port is None or (parts.path and not is_url):
        raise ValueError(f"expected http://HOST:PORT/PATH or HOST:PORT, got {text!r}")
    if not is_url:
        return Target(host=parts.hostname, port=port)
    query = f"?{parts.query}" if parts.query else ""
    return Target(host=parts.hostname, port=port, path=f"{parts.path or '/'}{query}")


def passes(where: Target) -> bool:
    """One check; whatever is no clear yes within the bound is a no."""
    deadline = monotonic() + BOUND_S
    try:
        with socket.create_connection((where.host, where.port), timeout=BOUND_S) as connection:
            return where.path is None or _status_line(connection, where, deadline).split()[1:2] == [b"200"]
    except (OSError, ValueError):
        return False


def _status_line(connection: socket.socket, where: Target, deadline: float) -> bytes:
    host = f"[{where.host}]" if ":" in where.host else where.host
    request = f"GET {where.path} HTTP/1.1\r\nHost: {host}:{where.port}\r\nConnection: close\r\n\r\n"
    connection.sendall(request.encode("ascii"))
    line = b""
    while b"\n" not in line and len(line) < STATUS_LINE_LIMIT:
        connection.settimeout(max(0.001, deadline - monotonic()))
        chunk = connection.recv(STATUS_LINE_LIMIT)
        if not chunk or monotonic() > deadline:
            return b""
        line += chunk
    return line.partition(b"\n")[0]


class Remembered:
    """One answer serves every asker of the next half second; one check runs at a time."""

    def __init__(self, check: Callable[[], bool]) -> None:
        self._check = check
        self._lock = threading.Lock()
        self._passed = False
        self._good_until = 0.0

    def __call__(self) -> bool:
        with self._lock:
            if monotonic() >= self._good_until:
                self._passed = self._check()
                self._good_until = monotonic() + REMEMBERED_S
            return self._passed
