"""A toy web service that drains as any application should: standard library only, for a stock Debian.

`/ready` is what the balancer probes: 503 while the sidecar's marker exists. `/healthz` does not look at the
marker, or the VM could never be found healthy while it is out. Meanwhile every answer asks the client to
leave its connection. Everything else is answered by this VM's name.
"""

from __future__ import annotations

import argparse
import json
import socket
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

IDLE_S = 30


class Web(BaseHTTPRequestHandler):
    """Answers GET; the marker is looked at anew for each request."""

    protocol_version = "HTTP/1.1"
    timeout = IDLE_S
    wbufsize = -1  # head and body leave together

    def __init__(self, *arguments: object, marker: Path) -> None:
        self._marker = marker
        super().__init__(*arguments)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        draining = self._marker.exists()
        refused = draining and self.path == "/ready"
        body = json.dumps({"vm": socket.gethostname(), "draining": draining}).encode() + b"\n"
        self.send_response(HTTPStatus.SERVICE_UNAVAILABLE if refused else HTTPStatus.OK)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if draining:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing: the probe asks every few seconds."""


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--host", default="0.0.0.0")
    parser.add_argument("--port", required=True, type=int)
    parser.add_argument("--marker", required=True, type=Path)
    options = parser.parse_args()
    server = ThreadingHTTPServer((options.host, options.port), partial(Web, marker=options.marker))
    server.daemon_threads = True
    print(f"listening on {server.server_address[0]!s}:{server.server_address[1]}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
