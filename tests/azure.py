"""A VM before an emulated Azure: its platform with the management API, and its sidecar as a real process."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drainer.azure import mark
from drainer.azure.interface import BALANCER_POOLS, references
from metadata_server.config import ClockKind, ServeConfig
from metadata_server.switches import Switches
from metadata_server.testing import ServedEmulator, serve_in_thread, vms
from metadata_server.topology import Address, Management, Member, Outbound, Pool, PoolKind, Topology
from tests.sidecar import NOBODY, PROBE, Sidecar, Stand

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


def topology(vm: str, *, outbound: Outbound = Outbound.NAT, kind: PoolKind = PoolKind.NIC) -> Topology:
    """This VM and another in one pool, on free loopback ports."""
    both = vms(vm, f"{vm}-sibling", set="web")
    members = tuple(Member(vm=each.name, address=Address(host="127.0.0.1", port=9)) for each in both)
    return Topology(
        vms=both,
        pools=(Pool(name="web", members=members, kind=kind),),
        management=Management(listen=Address(host="127.0.0.1", port=0), outbound=outbound),
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
    **switches: str,
) -> Iterator[AzureStand]:
    """Whatever runs is ended. `probe`: a health-probe layer above the others."""
    vm = f"vm-{uuid.uuid4()}"
    config = ServeConfig(
        topology=topology(vm, outbound=outbound, kind=kind),
        clock=ClockKind.REAL,
        switches=switched(**switches),
    )
    with serve_in_thread(config) as platform:
        above = PROBE.format(marker=root / "draining", route=NOBODY) + "\n" if probe else ""
        sidecar = Sidecar(root, platform.url(vm), backend=above + layers)
        sidecar.add_policy(f"egress: {egress}\n")
        interface = _interface(platform, vm)
        try:
            yield AzureStand(vm=vm, platform=platform, sidecar=sidecar, interface=interface)
        finally:
            sidecar.close()


def _interface(platform: ServedEmulator, vm: str) -> str:
    listed = platform.control.show("arm")["resources"]
    return next(str(each["id"]) for each in listed if each["name"] == f"{vm}-nic")
