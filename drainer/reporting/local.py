"""The local endpoint: /metrics, /healthz and /status, for whoever watches this VM from inside. GET only.

An application asks /status whether it is draining. Nothing here can change anything; it listens on the
loopback unless told otherwise.
"""

from __future__ import annotations

import contextlib
import functools
import json
import selectors
import socket
import threading
from collections.abc import Callable
from datetime import timedelta
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any

from drainer.board import Board
from drainer.clock import SystemClock
from drainer.core.model import elapsed
from drainer.ports import Clock
from drainer.reporting.metrics import CONTENT_TYPE, exposition
from drainer.settings import Address
from drainer.status import status_of

TICKED_WITHIN = timedelta(seconds=90)
"""A deciding thread that is silent for longer is stuck: it rests 30 s at most, and a hook has 60."""

IDLE_S = 5.0
CONNECTIONS = 16

Answer = tuple[HTTPStatus, str, str]
"""Status, content type, body."""


class LocalEndpoint:
    """`address`: where to listen; port 0 takes any, which `address` then tells."""

    def __init__(self, board: Board, address: Address, *, clock: Clock | None = None) -> None:
        self._board = board
        self._clock = clock or SystemClock()
        self._server: _Server | None = None
        self._told_to_stop, self._tell = socket.socketpair()
        self._thread: threading.Thread | None = None
        self.address = address

    def start(self) -> None:
        """Listen, and return. Raises OSError: the address cannot be had."""
        self._server = _Server(self.address, self._answer)
        self.address = Address(host=self.address.host, port=self._server.server_address[1])
        self._thread = threading.Thread(target=self._serve, args=(self._server,), name="local", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop listening; answers under way are finished by themselves."""
        self._tell.send(b"x")
        if self._server is not None and self._thread is not None:
            self._thread.join()
            self._server.server_close()
        for end in (self._told_to_stop, self._tell):
            end.close()

    def _serve(self, server: _Server) -> None:
        """Asleep until somebody comes: http.server's own loop wakes twice a second for nothing."""
        with selectors.DefaultSelector() as selector:
            selector.register(server, selectors.EVENT_READ)
            selector.register(self._told_to_stop, selectors.EVENT_READ)
            while self._told_to_stop not in [key.fileobj for key, _ in selector.select()]:
                server.handle_request()

    def _answer(self, path: str) -> Answer:
        match path.partition("?")[0]:
            case "/metrics":
                text = exposition(self._board.snapshot, now=self._clock.now(), version=_version())
                return HTTPStatus.OK, CONTENT_TYPE, text
            case "/status":
                return HTTPStatus.OK, "application/json", json.dumps(status_of(self._board.snapshot)) + "\n"
            case "/healthz":
                return self._healthz()
            case _:
                return HTTPStatus.NOT_FOUND, "text/plain", "there are /metrics, /healthz and /status\n"

    def _healthz(self) -> Answer:
        """Whether the daemon itself is alive; what it thinks of this VM is in /status."""
        tick = self._board.snapshot.tick
        if tick is None:
            return HTTPStatus.SERVICE_UNAVAILABLE, "text/plain", "the daemon has not ticked yet\n"
        silent = elapsed(tick.seen.now, self._clock.now())
        alive = silent <= TICKED_WITHIN
        status = HTTPStatus.OK if alive else HTTPStatus.SERVICE_UNAVAILABLE
        return status, "text/plain", f"ticked {silent.total_seconds():.0f} s ago\n"


class _Server(ThreadingHTTPServer):
    """Bounded: at most `CONNECTIONS` at once, each with `IDLE_S` between two of its bytes.

    When it is full, the oldest makes room, so that nobody who is slow on purpose locks out who measures.
    """

    daemon_threads = True
    block_on_close = False
    timeout = 0

    def __init__(self, address: Address, answer: Callable[[str], Answer]) -> None:
        self.address_family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        self.answer = answer
        self._live: dict[socket.socket, None] = {}
        self._turn = threading.Lock()
        super().__init__((address.host, address.port), _Asked)

    def server_bind(self) -> None:
        """Without the look-up of this host's name that http.server adds: a resolver may take its time."""
        TCPServer.server_bind(self)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._make_room(request)
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._turn:
                self._live.pop(request, None)

    def _make_room(self, request: socket.socket) -> None:
        """One more is live; those that are too many see their end."""
        with self._turn:
            for oldest in list(self._live)[: max(0, len(self._live) - CONNECTIONS + 1)]:
                del self._live[oldest]
                with contextlib.suppress(OSError):
                    oldest.shutdown(socket.SHUT_RDWR)
            self._live[request] = None

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A peer that went away is no news."""


class _Asked(BaseHTTPRequestHandler):
    """One connection, one answer."""

    server: _Server
    timeout = IDLE_S
    server_version = "drainer"
    sys_version = ""

    def do_GET(self) -> None:
        self._say(*self.server.answer(self.path))

    def _refuse(self) -> None:
        self._say(HTTPStatus.METHOD_NOT_ALLOWED, "text/plain", "GET only\n")

    do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = _refuse

    def _say(self, status: HTTPStatus, content_type: str, body: str) -> None:
        encoded = body.encode()
        self.send_response(status)
        if status is HTTPStatus.METHOD_NOT_ALLOWED:
            self.send_header("Allow", "GET")
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(encoded)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(encoded)

    def log_message(self, format: str, *args: Any) -> None:
        """Who looks is not logged."""


@functools.cache
def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("drainer")
    except PackageNotFoundError:
        return "unknown"
