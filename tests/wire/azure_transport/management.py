"""A tiny management API and metadata service on loopback: real TLS, a throw-away authority."""

from __future__ import annotations

import ipaddress
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from drainer.clock import SystemClock
from drainer.transport.azure.settings import ArmSettings

NIC_ID = "/subscriptions/s1/resourceGroups/g/providers/Microsoft.Network/networkInterfaces/n"
VM_ID = "/subscriptions/s1/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/v"
NIC = {
    "id": NIC_ID,
    "etag": 'W/"1"',
    "unknown": {"a": [1, None]},
    "properties": {"provisioningState": "Succeeded", "allowPort25Out": True, "ipConfigurations": []},
}


@dataclass(slots=True)
class World:
    """What was asked, and whether answers are let out. `port`: of the management API."""

    asked: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    bodies: list[Any] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)
    port: int = 0
    polls: int = 0

    def count(self, method: str) -> int:
        return sum(line.startswith(f"{method} ") for line in self.asked)


@contextmanager
def served(place: Path) -> Iterator[tuple[World, ArmSettings]]:
    """Both servers, up until the block ends. The gate is open."""
    world = World()
    world.gate.set()
    authority = certificate(place / "ours.pem")
    management = ThreadingHTTPServer(("127.0.0.1", 0), _answering(world))
    metadata = ThreadingHTTPServer(("127.0.0.1", 0), _answering(world))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority)
    management.socket = context.wrap_socket(
        management.socket, server_side=True, do_handshake_on_connect=False
    )
    world.port = management.server_address[1]
    settings = ArmSettings(
        metadata_url=f"http://127.0.0.1:{metadata.server_address[1]}",
        management_url=f"https://127.0.0.1:{world.port}",
        ca_file=str(authority),
    )
    servers = (management, metadata)
    for server in servers:
        server.daemon_threads, server.block_on_close = True, False
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield world, settings
    finally:
        world.gate.set()
        for server in servers:
            server.shutdown()
            server.server_close()


def certificate(path: Path) -> Path:
    """Its own authority, good for 127.0.0.1, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "loopback")])
    now = SystemClock().now().wall
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return path


def _answering(world: World) -> type[BaseHTTPRequestHandler]:
    class Answering(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *arguments: Any) -> None:
            pass

        def do_GET(self) -> None:
            match self.path.split("?")[0].rsplit("/", 1)[-1]:
                case "token":
                    return self._say({"access_token": "tok", "expires_in": "3600", "token_type": "Bearer"})
                case "instance":
                    return self._say({"compute": {"name": "vm1"}})
            self._note()
            if "/operations/" in self.path:
                world.polls += 1
                status = "InProgress" if world.polls < 2 else "Succeeded"
                return self._say({"status": status}, **{"Retry-After": "10"})
            world.gate.wait()
            return self._say(NIC)

        def do_PUT(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self._note()
            world.bodies.append(body)
            world.gate.wait()
            operation = f"https://127.0.0.1:{world.port}/operations/1?sig=abc%2F"
            self._say(body, **{"Azure-AsyncOperation": operation, "Retry-After": "10"})

        def _note(self) -> None:
            world.headers.append(dict(self.headers.items()))
            world.asked.append(f"{self.command} {self.path}")

        def _say(self, body: Any, **headers: str) -> None:
            content = json.dumps(body).encode()
            self.send_response(200)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    return Answering
