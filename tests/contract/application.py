"""A small application on loopback whose route answers as it is told, or as a marker says."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True
    status: Callable[[], int]
    location = "/"

    def handle_error(self, request: object, client_address: object) -> None:
        """A prober that leaves before its answer is no trouble."""


class _Route(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, _Quiet)
        self.send_response(self.server.status())
        self.send_header("Content-Length", "0")
        self.send_header("Location", self.server.location)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Tests are quiet."""


@contextmanager
def answering(status: Callable[[], int], *, location: str = "/") -> Iterator[str]:
    """Serve every path with this status (and Location, for redirects); yields HOST:PORT."""
    host = "127.0.0.1"
    server = _Quiet((host, 0), _Route)
    server.status = status
    server.location = location
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"{host}:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
