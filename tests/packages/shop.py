"""Where a VM fetches the package: an https server on loopback, and its authority, for a VM to trust."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from drainer.clock import SystemClock
from metadata_server.arm.tls import serve_with


@dataclass(slots=True, kw_only=True)
class Shop:
    """`package` is what every address below `url` answers. `authority`: what to trust, as PEM."""

    url: str
    authority: str
    package: bytes


class _Https(ThreadingHTTPServer):
    daemon_threads = True
    shop: Shop


class _Package(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, _Https)
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.server.shop.package)))
        self.end_headers()
        self.wfile.write(self.server.shop.package)

    def log_message(self, format: str, *args: object) -> None:
        """Tests are quiet."""


@contextmanager
def selling(package: bytes, folder: Path) -> Iterator[Shop]:
    """`folder`: where its keys are written."""
    host = "127.0.0.1"
    shown = serve_with(folder, host=host, authority=None, now=SystemClock().now().wall)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(shown.certificate, shown.key)
    with _Https((host, 0), _Package) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        url = f"https://{host}:{server.server_port}"
        server.shop = Shop(url=url, authority=shown.authority.read_text(encoding="ascii"), package=package)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        try:
            yield server.shop
        finally:
            server.shutdown()
