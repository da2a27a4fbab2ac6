"""Stands for the contract over a served management API: a real child process, TLS, and an operator beside it.

The child and the emulator outlive a stand; each stand begins with the resources as they were.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from drainer.azure.ids import key, short
from drainer.management import Json, Operation, State
from drainer.ports import Backend, BackendKind
from drainer.testing import Stand
from drainer.testing.stand import surroundings
from drainer.transport.azure.peer import ArmSettings, ChildArm
from metadata_server.testing import ServedEmulator
from metadata_server.topology import Address, Management, Member, Pool, PoolKind, Topology, Vm
from tests.wire.metadata_server.azure_client import FREE, NET, QUICK, nic, served

BALANCER = f"{NET}/loadBalancers/lb"
GATEWAY = f"{NET}/applicationGateways/gateway"
LISTED = "loadBalancerBackendAddresses"
VMS = tuple(
    Vm(name=name, address=Address(host=host, port=0))
    for name, host in (("vm2", "127.0.0.12"), ("vm1", "127.0.0.11"), ("vm3", "127.0.0.13"))
)
OURS = VMS[1].private_ip
TICK_S = 0.07
"""Longer than an operation of the emulator runs, so that its end is found by the first poll."""


def pool(name: str, kind: PoolKind = PoolKind.NIC, **rest: Any) -> Pool:
    """All three VMs, vm1 in the middle."""
    members = tuple(Member(vm=vm.name, address=Address(host=vm.private_ip, port=9)) for vm in VMS)
    return Pool(name=name, members=members, kind=kind, **rest)


@dataclass(slots=True, kw_only=True)
class Place:
    """One emulator, one child, and the resources at the start."""

    emulator: ServedEmulator
    child: ChildArm
    start: Mapping[str, Json] = field(default_factory=dict)

    def again(self) -> None:
        self.emulator.control.give("arm-mend")
        for body in self.start.values():
            self.emulator.control.give("arm-put", body=body)

    def edited(self, resource_id: str, edit: Callable[[Json], object]) -> None:
        """An operator's change."""
        body = self.emulator.resource(resource_id)
        edit(body)
        self.emulator.control.give("arm-put", body=body)


# Many tests share one subscription, and how fast they read it depends on the machine.
UNTHROTTLED = replace(QUICK, arm_throttling="off")


@contextmanager
def place(*pools: Pool) -> Iterator[Place]:
    """vm1 between two others, in these pools."""
    around = Topology(vms=VMS, pools=pools, management=Management(listen=FREE))
    ids = [BALANCER, *(nic(vm.name) for vm in VMS)]
    if any(each.kind is PoolKind.GATEWAY for each in pools):
        ids.append(GATEWAY)
    with served(around, UNTHROTTLED) as emulator:
        child = child_of(emulator)
        start = {each: emulator.resource(each) for each in ids}
        yield Place(emulator=emulator, child=child, start=start)
        child.close()


def child_of(emulator: ServedEmulator) -> ChildArm:
    settings = ArmSettings(
        metadata_url=emulator.url("vm1"),
        management_url=emulator.management_url,
        ca_file=emulator.authority,
    )
    return ChildArm(settings, patience_s=5.0)


@dataclass(frozen=True, slots=True)
class Shared:
    """The child as one of several adapters sees it: whoever closes leaves it to the others."""

    child: ChildArm

    def instance(self) -> Json:
        return self.child.instance()

    def get(self, resource_id: str) -> Json:
        return self.child.get(resource_id)

    def begin_put(self, resource_id: str, body: Json, *, if_match: str = "") -> Operation:
        return self.child.begin_put(resource_id, body, if_match=if_match)

    def operation(self, operation: Operation) -> State:
        return self.child.operation(operation)

    def rest(self) -> None:
        """It stays."""

    def close(self) -> None:
        """It stays."""


class ServedStand(Stand):
    """What all of them share. `options` are the layer's."""

    def __init__(self, place: Place, kind: BackendKind, **options: object) -> None:
        super().__init__()
        self.place, self.kind, self.options = place, kind, kind.options(**options)
        place.again()

    def connect(self) -> Backend:
        around = replace(surroundings(self.clock), arm=Shared(self.place.child))
        backend: Backend = self.kind.build(self.options, around)
        return backend

    def remove(self, entry: str) -> None:
        owner, _, name = entry.partition("/")
        kind = "loadBalancers" if owner == "lb" else "applicationGateways"
        self.place.emulator.control.give(
            "arm-delete", resource=f"{NET}/{kind}/{owner}/backendAddressPools/{name}"
        )

    def sever(self) -> None:
        self.place.emulator.control.give("arm-fault", kind="drop")

    def lose_next_answer(self) -> None:
        self.place.emulator.control.give("arm-fault", kind="drop-after", method="PUT", times=1)

    def wait(self) -> None:
        self.clock.advance(timedelta(seconds=1))
        threading.Event().wait(TICK_S)


class NicStand(ServedStand):
    """vm1 in two pools of one load balancer, and in a third that is its way out."""

    entries: tuple[str, ...] = ("lb/web", "lb/api")
    member = "loadBalancerBackendAddressPools"

    def take_out(self, entry: str) -> None:
        self._edit(lambda listed: [one for one in listed if key(short(one["id"])) != key(entry)])

    def put_in(self, entry: str) -> None:
        owner, _, name = entry.partition("/")
        kind = "loadBalancers" if owner == "lb" else "applicationGateways"
        pool_id = f"{NET}/{kind}/{owner}/backendAddressPools/{name}"
        self._edit(lambda listed: [*listed, {"id": pool_id}])

    def others(self) -> object:
        found = [self.place.emulator.resource(nic(name)) for name in ("vm2", "vm3")]
        return [{name: value for name, value in each.items() if name != "etag"} for each in found]

    def _edit(self, edit: Callable[[list[Json]], list[Json]]) -> None:
        def edited(body: Json) -> None:
            properties = body["properties"]["ipConfigurations"][0]["properties"]
            properties[self.member] = edit(properties.get(self.member) or [])

        self.place.edited(nic("vm1"), edited)


class GatewayNicStand(NicStand):
    """vm1 in an application gateway's pool by its own interface."""

    entries = ("gateway/front",)
    member = "applicationGatewayBackendAddressPools"


class ListStand(ServedStand):
    """vm1 in one list of addresses, between two others."""

    entries = ("lb/addresses",)

    def take_out(self, entry: str) -> None:
        self._edit(lambda listed: _without_ours(listed))

    def put_in(self, entry: str) -> None:
        self._edit(lambda listed: _addresses(self.place.start[BALANCER])[LISTED])

    def others(self) -> object:
        return _without_ours(_addresses(self.place.emulator.resource(BALANCER))[LISTED])

    def _edit(self, edit: Callable[[list[Json]], list[Json]]) -> None:
        def edited(body: Json) -> None:
            properties = _addresses(body)
            properties[LISTED] = edit(properties[LISTED])

        self.place.edited(BALANCER, edited)


class StateStand(ListStand):
    """The same list, in which an operator sets vm1 Down."""

    def take_out(self, entry: str) -> None:
        self._edit(lambda listed: [_down(one) for one in listed])


def _down(element: Json) -> Json:
    if element["properties"]["ipAddress"] != OURS:
        return element
    return {**element, "properties": {**element["properties"], "adminState": "Down"}}


def _without_ours(listed: list[Json]) -> list[Json]:
    return [one for one in listed if one["properties"]["ipAddress"] != OURS]


def _addresses(balancer: Json) -> Json:
    """The properties of the pool of addresses in it."""
    [pool] = [each for each in balancer["properties"]["backendAddressPools"] if each["name"] == "addresses"]
    found: Json = pool["properties"]
    return found
