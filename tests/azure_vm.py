"""One VM behind an emulated Azure, for tests that speak to it with the real SDK."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from drainer.settings import Settings
from metadata_server.config import ClockKind, ServeConfig
from metadata_server.switches import Switches
from metadata_server.testing import ServedEmulator, serve_in_thread, vms
from metadata_server.topology import Address, Management, Member, Outbound, Pool, PoolKind, Topology

QUICK = Switches(operation_time=timedelta(milliseconds=50), propagation=timedelta())

POLICY = """\
version: 1
service_ports: [{port}]
health: {{tcp: "127.0.0.1:{port}"}}
backend:
  - {layer}
rules:
  - match: {{}}
    do: drain
"""


@contextmanager
def served(
    *,
    outbound: Outbound = Outbound.NAT,
    roles: Mapping[str, tuple[str, ...]] | None = None,
    custom_roles: Mapping[str, tuple[str, ...]] | None = None,
    kind: PoolKind = PoolKind.NIC,
    outbound_rule: bool = False,
    **switches: object,
) -> Iterator[ServedEmulator]:
    """vm1 and vm2 in the pool web of the balancer lb; roles of vm1 as given, else all."""
    here = tuple(Member(vm=name, address=Address(host="127.0.0.1", port=9)) for name in ("vm1", "vm2"))
    management = Management(
        listen=Address(host="127.0.0.1", port=0),
        outbound=outbound,
        roles=roles or {},
        custom_roles=custom_roles or {},
    )
    pool = Pool(name="web", members=here, kind=kind, outbound_rule=outbound_rule)
    topology = Topology(vms=vms("vm1", "vm2"), pools=(pool,), management=management)
    config = ServeConfig(
        topology=topology,
        clock=ClockKind.REAL,
        switches=replace(QUICK, **switches),  # type: ignore[arg-type]
    )
    with serve_in_thread(config) as emulator:
        yield emulator


def settings(emulator: ServedEmulator, root: Path, *, layer: str = "azure-nic-pool") -> Settings:
    """The settings of a drainer on vm1, with a policy of this one layer."""
    policy = root / "policy.yaml"
    policy.write_text(POLICY.format(port=9, layer=layer), encoding="utf-8")
    return Settings(
        metadata_url=emulator.url("vm1"),
        management_url=emulator.management_url,
        management_ca=emulator.authority,
        policy=policy,
        policy_named=True,
        state=root,
    )
