"""One VM, one layer, one management API in memory, driven by hand."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from drainer.azure.choice import Scope
from drainer.azure.interface_pools import InterfacePools
from drainer.backends.azure_nic_pool import FAMILY
from drainer.clock import ManualClock
from drainer.core.model import Done, Membership, Pending, Progress
from drainer.errors import Transient
from drainer.management import Json
from drainer.ports import Surroundings
from drainer.testing.management import MemoryArm, World
from tests import azure_documents as documents

WEB, API, EGRESS = (documents.pool_id(name) for name in ("web", "api", "egress"))
NIC = documents.nic_id("nic1")
JOIN = "Microsoft.Network/loadBalancers/backendAddressPools/join/action"
WRITE = "Microsoft.Network/networkInterfaces/write"


class Rig:
    """vm1 by nic1 in web and egress; vm2 by nic2 too. A NAT gateway is the way out."""

    def __init__(self, *, egress_verified: bool = False, polls: int = 1, **options: Any) -> None:
        self.clock = ManualClock()
        self.world = World(polls=polls)
        self.world.put(documents.balancer("web", "api", outbound=("egress",)))
        self.world.put(documents.subnet())
        for name in ("1", "2"):
            self.world.put(documents.vm(f"vm{name}", f"nic{name}"))
            self.world.put(documents.nic(f"nic{name}", documents.configuration("ipconfig1", WEB, EGRESS)))
        self.arm = MemoryArm(self.world, documents.instance("vm1"))
        self.around = Surroundings(
            clock=self.clock,
            vm_name=lambda: "vm1",
            service_ports=(80,),
            arm=self.arm,
            egress_verified=egress_verified,
        )
        self.options = options
        self.layer = self.fresh()

    def fresh(self) -> InterfacePools:
        """Another process's layer."""
        given = {"pools": Scope.INBOUND, "read_every": timedelta(seconds=30), **self.options}
        return InterfacePools(self.around, FAMILY, **given)

    @property
    def nic(self) -> Json:
        return self.world.resources[NIC.casefold()]

    def pools(self) -> list[str]:
        configuration = self.nic["properties"]["ipConfigurations"][0]
        return [each["id"] for each in configuration["properties"]["loadBalancerBackendAddressPools"]]

    def leave(self, was: Membership) -> int:
        """Isolate to its end; how many calls of the verb it took."""
        return self.to_the_end(lambda: self.layer.isolate(was))

    def back(self, was: Membership) -> int:
        return self.to_the_end(lambda: self.layer.restore(was))

    def to_the_end(self, verb: Any, *, patience: int = 60) -> int:
        """Ask again until it is done, through whatever passes."""
        for asked in range(1, patience + 1):
            self.clock.advance(timedelta(seconds=2))
            try:
                progress: Progress = verb()
            except Transient:
                continue
            if progress == Done():
                return asked
            assert isinstance(progress, Pending)
        raise AssertionError("it never came to an end")
