"""Where everything of the demo stands on this machine: three VMs, one folder each, on loopback addresses or
in network namespaces."""

from __future__ import annotations

import socket
import uuid
from dataclasses import dataclass
from pathlib import Path

from drainer.demo.namespaces import BALANCER_HOST, MANAGEMENT_HOST, METADATA_HOST, PROBER_HOST, Network

PROBE_THRESHOLD = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Addresses of the platform. `prober`, `balancer`: what probes and flows come from. `network`: the VMs
    are its namespaces, and we are in its platform's; None: all is on loopback."""

    prober: str = "127.0.0.4"
    balancer: str = "127.0.0.5"
    management: str = "127.0.0.6"
    network: Network | None = None


LOOPBACK = Site()


def in_namespaces(network: Network) -> Site:
    """The platform as its VMs know it, at Azure's own addresses where there are such."""
    return Site(prober=PROBER_HOST, balancer=BALANCER_HOST, management=MANAGEMENT_HOST, network=network)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One VM: its address, its ports, its disk (`root` survives reboots).

    `metadata_host`: where all VMs ask, told apart by their addresses; "": each asks at its own. `wire_port`
    0: the way to the application needs no detour. `inside`: what goes before a command that runs in the VM.
    """

    name: str
    address: str
    metadata_port: int
    application_port: int
    wire_port: int
    root: Path
    metadata_host: str = ""
    inside: tuple[str, ...] = ()

    @property
    def metadata(self) -> str:
        return f"{self.metadata_host or self.address}:{self.metadata_port}"

    @property
    def metadata_url(self) -> str:
        return f"http://{self.metadata}"

    @property
    def wire(self) -> str:
        """Where a balancer of another make reaches the application."""
        return f"{self.address}:{self.wire_port or self.application_port}"

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


def places(root: Path, count: int = 3, *, network: Network | None = None) -> tuple[Place, ...]:
    """`count` VMs with free ports, or those of a network; folders made, first boot done."""
    if network is None:
        made = [_loopback(root, number) for number in range(1, count + 1)]
    else:
        made = [_namespace(root, vm, network) for vm in network.vms]
    for place in made:
        place.root.mkdir(parents=True)
        place.new_boot()
    return tuple(made)


def _loopback(root: Path, number: int) -> Place:
    address = f"127.0.0.{10 + number}"
    return Place(
        name=f"vm{number}",
        address=address,
        metadata_port=free_port(address),
        application_port=free_port(address),
        wire_port=free_port(address),
        root=root / f"vm{number}",
    )


def _namespace(root: Path, vm: str, network: Network) -> Place:
    """Every VM has a network to itself, so that ports need no search."""
    return Place(
        name=vm,
        address=network.address(vm),
        metadata_port=80,
        application_port=8080,
        wire_port=0,
        root=root / vm,
        metadata_host=METADATA_HOST,
        inside=network.inside(vm),
    )


def free_port(address: str) -> int:
    """A port that nothing listens on now."""
    with socket.create_server((address, 0)) as opened:
        port: int = opened.getsockname()[1]
        return port
