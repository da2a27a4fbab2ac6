"""The smallest HTTP server that a prober needs: one route, two answers, no bodies.

Bounded in connections, time and bytes; when it is full, the oldest connection makes room, so that idle
ones cannot lock the prober out.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from time import monotonic

CONNECTIONS = 32
MOST_THREADS = 48
"""With those that are hung up on already and wait for a check to end; the packaged unit has room for 64."""

TIME_S = 2.0
HEAD_LIMIT = 8192
ROUTE = b"/ready"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the route answers; `marker`: the one that made it say down, if one did."""

    up: bool
    marker: str | None = None


class Server:
    """`judge` decides an answer; `answered_down` hears of each that a marker caused, after it was sent."""

    def __init__(self, judge: Callable[[], Verdict], answered_down: Callable[[str, str], None]) -> None:
        self._judge = judge
        self._answered_down = answered_down
        self._live: dict[socket.socket, threading.Thread] = {}
        self._free = threading.BoundedSemaphore(MOST_THREADS)
        self._lock = threading.Lock()

    def serve(self, listeners: Sequence[socket.socket], stop: socket.socket) -> None:
        """Answer until a byte can be read from `stop`; answers under way are finished."""
        with selectors.DefaultSelector() as selector:
            for listener in (*listeners, stop):
                listener.setblocking(False)
                selector.register(listener, selectors.EVENT_READ)
            while True:
                ready = [key.fileobj for key, _ in selector.select()]
                if stop in ready:
                    break
                for listener in listeners:
                    if listener in ready:
                        self._accept(listener)
        self._finish()

    def _accept(self, listener: socket.socket) -> None:
        try:
            connection, address = listener.accept()
        except OSError:
            self._make_room(CONNECTIONS)
            return
        self._make_room(CONNECTIONS - 1)
        if not self._free.acquire(blocking=False):
            connection.close()
            return
        asker = str(address[0]).removeprefix("::ffff:")
        thread = threading.Thread(target=self._run, args=(connection, asker), daemon=True)
        with self._lock:
            self._live[connection] = thread
        try:
            thread.start()
        except RuntimeError:  # the machine gives no thread now: this asker is hung up on
            self._end(connection)
            connection.close()

    def _make_room(self, most: int) -> None:
        with self._lock:
            surplus = list(self._live)[: max(0, len(self._live) - most)]
            for connection in surplus:
                del self._live[connection]
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def _end(self, connection: socket.socket) -> None:
        with self._lock:
            self._live.pop(connection, None)
        self._free.release()

    def _run(self, connection: socket.socket, asker: str) -> None:
        try:
            self._serve(connection, asker)
        finally:
            self._end(connection)

    def _serve(self, connection: socket.socket, asker: str) -> None:
        with connection, contextlib.suppress(OSError):
            status, verdict = self._status(_head(connection))
            connection.settimeout(TIME_S)
            connection.sendall(_answer(status))
            connection.shutdown(socket.SHUT_WR)
            if verdict is not None and verdict.marker is not None:
                self._answered_down(asker, verdict.marker)

    def _status(self, head: bytes) -> tuple[HTTPStatus, Verdict | None]:
        match head.split(b"\r\n")[0].split(b" "):
            case [method, path, version] if version.startswith(b"HTTP/"):
                if path.partition(b"?")[0] != ROUTE:
                    return HTTPStatus.NOT_FOUND, None
                if method != b"GET":
                    return HTTPStatus.METHOD_NOT_ALLOWED, None
                verdict = self._judge()
                return (HTTPStatus.OK if verdict.up else HTTPStatus.SERVICE_UNAVAILABLE), verdict
            case _:
                return HTTPStatus.BAD_REQUEST, None

    def _finish(self) -> None:
        with self._lock:
            threads = list(self._live.values())
        deadline = monotonic() + TIME_S
        for thread in threads:
            thread.join(max(0.0, deadline - monotonic()))


def _head(connection: socket.socket) -> bytes:
    """The request's head. Raises OSError when it does not come in time, or not whole."""
    deadline, head = monotonic() + TIME_S, b""
    while b"\r\n\r\n" not in head:
        connection.settimeout(max(0.001, deadline - monotonic()))
        chunk = connection.recv(HEAD_LIMIT)
        if not chunk or len(head) > HEAD_LIMIT or monotonic() > deadline:
            raise ConnectionAbortedError
        head += chunk
    return head


def _answer(status: HTTPStatus) -> bytes:
    allow = "Allow: GET\r\n" if status is HTTPStatus.METHOD_NOT_ALLOWED else ""
    return (
        f"HTTP/1.1 {status.value} {status.phrase}\r\n{allow}Content-Length: 0\r\nConnection: close\r\n\r\n"
    ).encode("ascii")
