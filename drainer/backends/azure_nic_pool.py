"""Azure Load Balancer pools made of interfaces: this VM's own interface leaves them and comes back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from drainer.azure.choice import Family, Scope, check_pools
from drainer.azure.interface import BALANCER_POOLS
from drainer.azure.interface_pools import InterfacePools
from drainer.ports import BackendKind, Surroundings

FAMILY = Family(layer="azure-nic-pool", member=BALANCER_POOLS, provider="loadBalancers")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """`pools`: BALANCER/POOL in the interface's resource group, or full ids; inbound: every pool that this VM
    is in and that inbound rules use and outbound rules do not."""

    pools: Scope | tuple[str, ...] = Scope.INBOUND
    read_every: timedelta = timedelta(seconds=30)

    def __post_init__(self) -> None:
        check_pools(self.pools, kind="BALANCER")
        if self.read_every < timedelta(seconds=1):
            told = f"{self.read_every.total_seconds():g}s"
            raise ValueError(f"read_every: expected 1s or more, got {told}")


def build(options: Options, around: Surroundings) -> InterfacePools:
    return InterfacePools(around, FAMILY, pools=options.pools, read_every=options.read_every)


KIND = BackendKind(name="azure-nic-pool", options=Options, build=build)
