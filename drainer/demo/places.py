"""Where everything of the demo stands on this machine: three VMs on loopback addresses, one folder each."""

from __future__ import annotations

import socket
import uuid
from dataclasses import dataclass
from pathlib import Path

PROBER = "127.0.0.4"
BALANCER = "127.0.0.5"
"""Addresses that the emulated balancer's prober and flows come from."""

PROBE_THRESHOLD = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One VM: its address, its ports, its disk (`root` survives reboots)."""

    name: str
    address: str
    metadata_port: int
    application_port: int
    wire_port: int
    root: Path

    @property
    def metadata_url(self) -> str:
        return f"http://{self.address}:{self.metadata_port}"

    @property
    def application(self) -> str:
        return f"{self.address}:{self.application_port}"

    @property
    def marker(self) -> Path:
        return self.root / "draining"

    @property
    def policy(self) -> Path:
        return self.root / "policy.yaml"

    @property
    def state(self) -> Path:
        return self.root / "state"

    @property
    def socket(self) -> Path:
        return self.root / "control.sock"

    @property
    def boot_id(self) -> Path:
        return self.root / "boot_id"

    def new_boot(self) -> None:
        """What the kernel does: every boot has an id of its own."""
        self.boot_id.write_text(f"{uuid.uuid4()}\n", encoding="ascii")


def places(root: Path, count: int = 3) -> tuple[Place, ...]:
    """`count` VMs with free ports, folders made, first boot done."""
    made = []
    for number in range(1, count + 1):
        address = f"127.0.0.{10 + number}"
        place = Place(
            name=f"vm{number}",
            address=address,
            metadata_port=free_port(address),
            application_port=free_port(address),
            wire_port=free_port(address),
            root=root / f"vm{number}",
        )
        place.root.mkdir(parents=True)
        place.new_boot()
        made.append(place)
    return tuple(made)


def free_port(address: str) -> int:
    """A port that nothing listens on now."""
    with socket.create_server((address, 0)) as opened:
        port: int = opened.getsockname()[1]
        return port
