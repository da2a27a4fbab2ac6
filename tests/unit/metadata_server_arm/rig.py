"""The management API without a network: a manual clock, two VMs, requests as an operator or as a VM."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from metadata_server.arm.asking import Asking
from metadata_server.arm.refusal import Refusal, Reply
from metadata_server.arm.service import ArmService
from metadata_server.clock import ManualClock
from metadata_server.switches import Switches
from metadata_server.tokens import Principal, Tokens, principal_of
from metadata_server.topology import Address, Management, Member, Pool, PoolKind, Topology, Vm
from metadata_server.world import World, scenario_for

NOON = datetime(2030, 1, 31, 12, 0, 0, tzinfo=UTC)
FREE = Address(host="127.0.0.1", port=0)
VMS = tuple(Vm(name=f"vm{n}", address=FREE, source=f"127.0.0.1{n}") for n in (1, 2))
NET = f"{VMS[0].group}/Microsoft.Network"
POOL = f"{NET}/loadBalancers/lb/backendAddressPools"
WEB = f"{POOL}/web"
OPERATOR = Principal(object_id="operator", client_id="operator", vm="")
ANSWERED = Callable[[], Reply]


def nic(vm: str = "vm1") -> str:
    return f"{NET}/networkInterfaces/{vm}-nic"


def pool(name: str, **rest: Any) -> Pool:
    members = tuple(Member(vm=vm.name, address=Address(host=str(vm.source), port=80)) for vm in VMS)
    return Pool(name=name, members=members, **rest)


POOLS = (pool("web"), pool("addresses", kind=PoolKind.IP))


class Rig:
    """One API; `at` moves its clock to so many seconds after noon."""

    def __init__(
        self, *pools: Pool, vms: tuple[Vm, ...] = VMS, switches: str = "", **management: Any
    ) -> None:
        given = Switches()
        for pair in switches.split():
            given = given.changed(*pair.split("="))
        around = Management(listen=FREE, **management)
        topology = Topology(vms=vms, pools=pools or POOLS, management=around)
        self.clock = ManualClock(NOON)
        scenario = scenario_for(topology, started_at=NOON, switches=given)
        world = World(topology=topology, clock=self.clock, scenario=scenario)
        self.tokens = Tokens()
        self.service = ArmService(topology, around, world=world, tokens=self.tokens)
        self.service.addresses.origin = "https://arm"

    def at(self, seconds: float) -> None:
        self.clock.advance(NOON + timedelta(seconds=seconds) - self.clock.now())

    def ask(
        self, method: str, path: str, body: Any = None, *, vm: str = "", fails: bool = False, **headers: str
    ) -> Reply:
        """The answer, a refusal too; a path without a version asks in one."""
        bare, mark, query = path.removeprefix("https://arm").partition("?")
        asking = Asking(
            method=method,
            path=bare,
            query=query if mark else "api-version=2024-05-01",
            headers={name.replace("_", "-"): value for name, value in headers.items()},
            body=b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode(),
            fails=fails,
        )
        try:
            return self.service.respond(asking, principal_of(vm) if vm else OPERATOR)
        except Refusal as refused:
            return refused.reply()

    def get(self, path: str, *, vm: str = "") -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.ask("GET", path, vm=vm).body)
        return found

    def outside(self, vm: str = "vm1") -> dict[str, Any]:
        """The interface's body, in no pool."""
        body = self.get(nic(vm))
        body["properties"]["ipConfigurations"][0]["properties"]["loadBalancerBackendAddressPools"] = []
        return body


def code(reply: Reply) -> str:
    found: str = json.loads(reply.body)["error"]["code"]
    return found


def status(rig: Rig, reply: Reply) -> str:
    """How the operation of a write stands."""
    found: str = rig.get(reply.headers["Azure-AsyncOperation"])["status"]
    return found
