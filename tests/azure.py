"""A VM before an emulated Azure: its platform with the management API, and its sidecar as a real process."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from drainer.azure import mark
from drainer.azure.interface import BALANCER_POOLS, GATEWAY_POOLS, references
from metadata_server.config import ClockKind, ServeConfig
from metadata_server.switches import Switches
from metadata_server.testing import ServedEmulator, serve_in_thread, vms
from metadata_server.topology import Address, Management, Member, Outbound, Pool, PoolKind, Topology
from tests.sidecar import PROBE, Sidecar, Stand

SWIFT = {"operation_time": "100ms", "propagation": "50ms"}
NIC_POOL = "  - azure-nic-pool: {pools: inbound}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AzureStand(Stand):
    """`interface` is the id of the VM's interface."""

    interface: str

    @property
    def nic(self) -> dict[str, Any]:
        """The interface as the management API has it."""
        return self.platform.resource(self.interface)

    @property
    def pools(self) -> list[str]:
        """Names of the pools that the interface is in."""
        nic = self.nic
        listed = [*references(nic, BALANCER_POOLS), *references(nic, GATEWAY_POOLS)]
        return [each.pool.rsplit("/", 1)[-1] for each in listed]

    @property
    def bare(self) -> str:
        """The interface without what a drain may change, for comparing byte for byte."""
        return json.dumps(mark.bare(self.nic))

    def asked(self, method: str = "") -> list[str]:
        """Paths that this VM asked the management API for, oldest first."""
        return [
            str(each["path"])
            for each in self.platform.requests()
            if each["vm"] == self.vm and each["method"] == (method or each["method"])
        ]

    def unanswered(self) -> bool:
        """Whether the management API has left this VM without an answer."""
        return any(each["vm"] == self.vm and each["status"] == 0 for each in self.platform.requests())

    def fault(self, kind: str, **more: object) -> None:
        self.platform.control.give("arm-fault", kind=kind, **more)

    def mend(self) -> None:
        self.platform.control.give("arm-mend")

    def start(self) -> Sidecar:
        self.sidecar.start(
            "--management-url", self.platform.management_url, "--management-ca", self.platform.authority
        )
        return self.sidecar


def topology(
    *names: str,
    outbound: Outbound = Outbound.NAT,
    kind: PoolKind = PoolKind.NIC,
    by_address: bool = False,
    host: str = "127.0.0.1",
) -> Topology:
    """These VMs and a sibling in one pool, on free loopback ports; each has an address of its own on IPv4."""
    together = tuple(
        replace(each, address=Address(host=host.replace("127.0.0.1", f"127.0.0.{number}"), port=0))
        for number, each in enumerate(vms(*names, f"{names[0]}-sibling", set="web"), start=1)
    )
    members = tuple(Member(vm=each.name, address=Address(host=host, port=9)) for each in together)
    return Topology(
        vms=together,
        pools=(Pool(name="web", members=members, kind=kind, by_address=by_address),),
        management=Management(listen=Address(host=host, port=0), outbound=outbound),
    )


def switched(**values: str) -> Switches:
    switches = Switches()
    for name, value in {**SWIFT, **values}.items():
        switches = switches.changed(name, value)
    return switches


@contextmanager
def azure(
    root: Path,
    *,
    probe: bool = True,
    layers: str = NIC_POOL,
    outbound: Outbound = Outbound.NAT,
    kind: PoolKind = PoolKind.NIC,
    by_address: bool = False,
    egress: str = "unknown",
    host: str = "127.0.0.1",
    **switches: str,
) -> Iterator[AzureStand]:
    """One VM beside its sibling; whatever runs is ended. `host`: where all listens."""
    vm = f"vm-{uuid.uuid4()}"
    around = topology(vm, outbound=outbound, kind=kind, by_address=by_address, host=host)
    with (
        emulated(around, host=host, **switches) as platform,
        stand_of(platform, vm, root, probe=probe, layers=layers, egress=egress, host=host) as stand,
    ):
        yield stand


@contextmanager
def emulated(around: Topology, *, host: str = "127.0.0.1", **switches: str) -> Iterator[ServedEmulator]:
    """The platform of these VMs, in real time."""
    config = ServeConfig(
        topology=around,
        clock=ClockKind.REAL,
        control=Address(host=host, port=0),
        switches=switched(**switches),
    )
    with serve_in_thread(config) as platform:
        yield platform


@contextmanager
def stand_of(
    platform: ServedEmulator,
    vm: str,
    root: Path,
    *,
    probe: bool = True,
    layers: str = NIC_POOL,
    egress: str = "unknown",
    host: str = "127.0.0.1",
) -> Iterator[AzureStand]:
    """This VM's stand; its daemon is ended. `probe`: a health-probe layer above the others."""
    nobody = f"http://{Address(host=host, port=1)}/ready"
    above = PROBE.format(marker=root / "draining", route=nobody) + "\n" if probe else ""
    sidecar = Sidecar(root, platform.url(vm), backend=above + layers, host=host)
    sidecar.add_policy(f"egress: {egress}\n")
    try:
        yield AzureStand(vm=vm, platform=platform, sidecar=sidecar, interface=_interface(platform, vm))
    finally:
        sidecar.close()


def _interface(platform: ServedEmulator, vm: str) -> str:
    listed = platform.control.show("arm")["resources"]
    return next(str(each["id"]) for each in listed if each["name"] == f"{vm}-nic")
