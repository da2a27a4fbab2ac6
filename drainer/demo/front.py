"""What stands before the VMs in the demo, by the backend that the sidecars use: each with its policy."""

from __future__ import annotations

import csv
import shutil
import socket
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from drainer.demo.azure import LAYERS, AzureFront
from drainer.demo.machine import ended, started
from drainer.demo.places import LOOPBACK, PROBE_THRESHOLD, Place, Site, free_port
from drainer.demo.platform import Platform, balanced, wired
from drainer.demo.until import until

LISTEN_HOST = "127.0.0.3"


class Front(Protocol):
    """A balancer before all VMs."""

    address: str

    def topology(self, places: tuple[Place, ...]) -> dict[str, Any]: ...

    def policy(self, place: Place) -> str: ...

    def flags(self) -> list[str]:
        """What a sidecar is started with beside its places."""
        ...

    def start(self, places: tuple[Place, ...], platform: Platform) -> None: ...

    def stop(self) -> None: ...

    def taking_work(self) -> dict[str, bool]: ...


COMMON = """\
version: 1
service_ports: [{port}]
health: {{http: "http://{application}/healthz", passes: 3, every: 500ms, timeout: 2s}}
backend:
{backend}
rules:
  - match: {{}}
    do: drain
    lead: 5m
    force: 2s
    drain_timeout: 30s
    quiet_for: 1s
    settle: 1s
    acknowledge: when-drained
"""


class EmulatedFront:
    """The emulated Azure Load Balancer; the sidecars drain by the health probe."""

    def __init__(self, root: Path, *, probe_interval_s: int, site: Site = LOOPBACK) -> None:
        self.address = f"{LISTEN_HOST}:{free_port(LISTEN_HOST)}"
        self._site = site
        self._probe_interval_s = probe_interval_s
        self._platform: Platform | None = None

    def topology(self, places: tuple[Place, ...]) -> dict[str, Any]:
        return balanced(places, self.address, probe_interval_s=self._probe_interval_s, site=self._site)

    def policy(self, place: Place) -> str:
        backend = (
            f'  - health-probe: {{mode: file, marker: "{place.marker}", '
            f'route: "http://{place.application}/ready", interval: {self._probe_interval_s}s, '
            f'threshold: {PROBE_THRESHOLD}, sources: ["{self._site.prober}"]}}'
        )
        return COMMON.format(port=place.application_port, application=place.application, backend=backend)

    def flags(self) -> list[str]:
        return []

    def start(self, places: tuple[Place, ...], platform: Platform) -> None:
        self._platform = platform

    def stop(self) -> None:
        """The platform stops it."""

    def taking_work(self) -> dict[str, bool]:
        return self._platform.taking_work() if self._platform else {}


HAPROXY = """\
global
    stats socket {socket} mode 600 level admin
    hard-stop-after 30s
defaults
    mode http
    timeout connect 2s
    timeout client 60s
    timeout server 30s
    timeout check 2s
    retries 0
frontend web
    bind {address}
    default_backend web
backend web
    balance source
    hash-type consistent
    option httpchk GET /healthz
    default-server check inter 500ms fall 2 rise 2 pool-max-conn 0
{servers}
"""


class HaproxyFront:
    """A real HAProxy; the sidecars drain by its runtime API."""

    def __init__(self, root: Path, *, probe_interval_s: int, site: Site = LOOPBACK) -> None:
        """HAProxy's own checks run twice a second, whatever the interval of the emulated prober."""
        self.address = f"{LISTEN_HOST}:{free_port(LISTEN_HOST)}"
        self._root = root
        self._site = site
        self._socket = root / "haproxy.sock"
        self._process: subprocess.Popen[bytes] | None = None

    def topology(self, places: tuple[Place, ...]) -> dict[str, Any]:
        return wired(places, site=self._site)

    def policy(self, place: Place) -> str:
        backend = f'  - haproxy: {{socket: "{self._socket}", servers: ["web/{place.name}"]}}'
        return COMMON.format(port=place.application_port, application=place.application, backend=backend)

    def flags(self) -> list[str]:
        return []

    def start(self, places: tuple[Place, ...], platform: Platform) -> None:
        program = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin")
        if program is None:
            raise RuntimeError("no haproxy program found; install the Debian package `haproxy`")
        servers = "\n".join(f"    server {p.name} {p.wire}" for p in places)
        file = self._root / "haproxy.cfg"
        file.write_text(HAPROXY.format(socket=self._socket, address=self.address, servers=servers))
        command = [program, "-db", "-f", str(file)]
        self._process = started(command, self._root / "haproxy.log")
        until(self._socket.exists, "HAProxy to open its socket", within_s=20)
        until(self._all_checked, "HAProxy to have checked every VM", within_s=60)

    def stop(self) -> None:
        if self._process is not None:
            ended(self._process)

    def taking_work(self) -> dict[str, bool]:
        return {row["svname"]: row["status"].split(" ")[0] == "UP" for row in self._servers()}

    def _all_checked(self) -> bool:
        """Before its first check HAProxy takes a server for up, and may find it down a moment later."""
        return all(row["check_status"] == "L7OK" and row["status"] == "UP" for row in self._servers())

    def _servers(self) -> list[dict[str, str]]:
        table = self._ask("show stat -1 4 -1").removeprefix("# ").splitlines()
        return list(csv.DictReader(line for line in table if line))

    def _ask(self, command: str) -> str:
        with socket.socket(socket.AF_UNIX) as opened:
            opened.settimeout(5)
            opened.connect(str(self._socket))
            opened.sendall(command.encode() + b"\n")
            chunks = iter(lambda: opened.recv(65536), b"")
            return b"".join(chunks).decode()


FRONTS: dict[str, Callable[..., Front]] = {
    **{form: partial(AzureFront, layers=layers) for form, layers in LAYERS.items()},
    "health-probe": EmulatedFront,
    "haproxy": HaproxyFront,
}

__all__ = ["FRONTS", "EmulatedFront", "Front", "HaproxyFront"]
