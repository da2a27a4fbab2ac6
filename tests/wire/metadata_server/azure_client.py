"""Azure's own network client against the emulator: over TLS, with tokens that the emulator issued."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import requests
from azure.core.credentials import AccessToken
from azure.mgmt.network import NetworkManagementClient

from metadata_server.clock import RealClock
from metadata_server.config import ClockKind, ServeConfig
from metadata_server.switches import Switches
from metadata_server.testing import ServedEmulator, serve_in_thread
from metadata_server.tokens import Principal, principal_of
from metadata_server.topology import Address, Management, Member, Pool, PoolKind, Topology, Vm

FREE = Address(host="127.0.0.1", port=0)
GROUP = "emulated"
SUBSCRIPTION = Vm(name="any", address=FREE).subscription
SCOPE = "https://management.azure.com"
QUICK = Switches(
    operation_time=timedelta(milliseconds=50),
    operation_retry_after=timedelta(),
    propagation=timedelta(),
)
NET = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}/providers/Microsoft.Network"
WEB = f"{NET}/loadBalancers/lb/backendAddressPools/web"
API = {"api-version": "2024-05-01"}


def nic(vm: str) -> str:
    return f"{NET}/networkInterfaces/{vm}-nic"


def machines(*names: str) -> tuple[Vm, ...]:
    return tuple(
        Vm(name=name, address=FREE, source=f"127.0.0.{index}") for index, name in enumerate(names, 11)
    )


def pool(name: str, *vms: str, **rest: Any) -> Pool:
    members = tuple(
        Member(vm=vm, address=Address(host=f"127.0.0.{index}", port=9)) for index, vm in enumerate(vms, 11)
    )
    return Pool(name=name, members=members, **rest)


POOLS = (
    pool("web", "vm1", "vm2"),
    pool("addresses", "vm1", "vm2", kind=PoolKind.IP),
    pool("front", "vm1", "vm2", kind=PoolKind.GATEWAY),
)


def topology(*, pools: tuple[Pool, ...] = POOLS, **management: Any) -> Topology:
    return Topology(vms=machines("vm1", "vm2"), pools=pools, management=Management(listen=FREE, **management))


def served(around: Topology, switches: Switches = QUICK) -> ServedEmulator:
    return serve_in_thread(ServeConfig(topology=around, clock=ClockKind.REAL, switches=switches))


@dataclass(frozen=True, slots=True)
class Held:
    """A credential that holds one token."""

    token: str

    def get_token(self, *scopes: str, **kwargs: Any) -> AccessToken:
        return AccessToken(self.token, int(RealClock().now().timestamp()) + 3600)


@contextmanager
def client(emulator: ServedEmulator, vm: str = "vm1", **rest: Any) -> Iterator[NetworkManagementClient]:
    """Acts as the VM's own identity; an operator's where `vm` is ""."""
    made = NetworkManagementClient(
        Held(emulator.token(principal_of(vm) if vm else OPERATOR)),
        SUBSCRIPTION,
        base_url=emulator.management_url,
        credential_scopes=[f"{SCOPE}/.default"],
        connection_verify=emulator.authority,
        polling_interval=0,
        retry_total=0,
        **rest,
    )
    with made:
        yield made


OPERATOR = Principal(object_id="operator", client_id="operator", vm="")


def ask(
    emulator: ServedEmulator,
    method: str,
    path: str,
    *,
    vm: str = "",
    body: Any = None,
    params: Mapping[str, str] = API,
    headers: Mapping[str, str] | None = None,
) -> requests.Response:
    """One request without the SDK, as `vm` or as an operator."""
    bearer = emulator.token(principal_of(vm) if vm else OPERATOR)
    url = path if path.startswith("https:") else emulator.management_url + path
    return requests.request(
        method,
        url,
        params=params,
        json=body,
        headers={"Authorization": f"Bearer {bearer}", **(headers or {})},
        verify=emulator.authority,
        timeout=10,
    )
