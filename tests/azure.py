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
from drainer.azure.interface import BALANCER_POOLS, references
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
        return [each.pool.rsplit("/", 1)[-1] for each in references(self.nic, BALANCER_POOLS)]

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
    vm: str,
    *,
    outbound: Outbound = Outbound.NAT,
    kind: PoolKind = PoolKind.NIC,
    host: str = "127.0.0.1",
) -> Topology:
    """This VM and another in one pool, on free loopback ports; each has an address of its own on IPv4."""
    free = Address(host=host, port=0)
    one, other = vms(vm, f"{vm}-sibling", set="web")
    beside = Address(host=host.replace("127.0.0.1", "127.0.0.2"), port=0)
    both = (replace(one, address=free), replace(other, address=beside))
    members = tuple(Member(vm=each.name, address=Address(host=host, port=9)) for each in both)
    return Topology(
        vms=both,
        pools=(Pool(name="web", members=members, kind=kind),),
        management=Management(listen=free, outbound=outbound),
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
    egress: str = "unknown",
    host: str = "127.0.0.1",
    **switches: str,
) -> Iterator[AzureStand]:
    """Whatever runs is ended. `probe`: a health-probe layer above the others. `host`: where all listens."""
    vm = f"vm-{uuid.uuid4()}"
    config = ServeConfig(
        topology=topology(vm, outbound=outbound, kind=kind, host=host),
        clock=ClockKind.REAL,
        control=Address(host=host, port=0),
        switches=switched(**switches),
    )
    with serve_in_thread(config) as platform:
        nobody = f"http://{Address(host=host, port=1)}/ready"
        above = PROBE.format(marker=root / "draining", route=nobody) + "\n" if probe else ""
        sidecar = Sidecar(root, platform.url(vm), backend=above + layers, host=host)
        sidecar.add_policy(f"egress: {egress}\n")
        interface = _interface(platform, vm)
        try:
            yield AzureStand(vm=vm, platform=platform, sidecar=sidecar, interface=interface)
        finally:
            sidecar.close()


def _interface(platform: ServedEmulator, vm: str) -> str:
    listed = platform.control.show("arm")["resources"]
    return next(str(each["id"]) for each in listed if each["name"] == f"{vm}-nic")
