"""Sidecars in several threads share one pool of addresses of the served management API, over TLS."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from time import monotonic

import pytest

from drainer.backends import azure_ip_pool
from drainer.clock import ManualClock, SystemClock
from drainer.errors import Refused
from drainer.management import Json
from drainer.testing.stand import surroundings
from drainer.transport.azure.sdk.arm import SdkArm
from drainer.transport.azure.sdk.credential import Prefetched
from metadata_server.switches import Switches
from metadata_server.testing import ServedEmulator
from metadata_server.tokens import principal_of
from metadata_server.topology import Management, Topology, Vm
from tests.wire.azure.fleet import POOL, Sidecar, instance, machines, plain, shared
from tests.wire.metadata_server.azure_client import FREE, QUICK, Held, served

THREADS = 6
HASTE = 20
"""Polls stand two seconds apart by a clock that runs so many times as fast."""

FAULTS = {"429": 13, "412": 17, "409": 19, "500": 23, "drop-after": 29, "drop": 31}
"""Which request of its kind each fault hits."""

BRISK = replace(QUICK, operation_time=timedelta(milliseconds=5))
ENTRIES = "loadBalancerBackendAddresses"


@dataclass(slots=True, kw_only=True)
class Driven:
    sidecar: Sidecar
    arm: SdkArm
    clock: ManualClock

    def to_the_end(self, *steps: str, within_s: float = 120.0) -> None:
        """Turn after turn until these verbs are done."""
        self.sidecar.steps = list(steps)
        deadline = monotonic() + within_s
        while self.sidecar.steps:
            assert monotonic() < deadline, f"{self.sidecar.name} never came to an end"
            self.clock.advance(timedelta(seconds=1))
            self.sidecar.turn()


def driven(emulator: ServedEmulator, vm: Vm) -> Driven:
    def now() -> datetime:
        return SystemClock().now().wall

    arm = SdkArm(
        management_url=emulator.management_url,
        credential=Prefetched(Held(emulator.token(principal_of(vm.name))), "any", now=now),
        instance=lambda: instance(vm),
        now=now,
        ca_file=emulator.authority,
        elapsed=lambda: monotonic() * HASTE,
    )
    clock = ManualClock()
    around = replace(surroundings(clock, vm=vm.name), arm=arm)
    layer = azure_ip_pool.build(azure_ip_pool.Options(pool="lb/addresses"), around)
    return Driven(sidecar=Sidecar(name=vm.name, layer=layer), arm=arm, clock=clock)


@contextmanager
def fleet_of(size: int, switches: Switches = BRISK) -> Iterator[tuple[ServedEmulator, list[Driven]]]:
    """So many sidecars; the first and the last VM in the pool have none."""
    vms = machines(size + 2)
    around = Topology(vms=vms, pools=(shared(vms),), management=Management(listen=FREE))
    with served(around, switches) as emulator:
        fleet = [driven(emulator, vm) for vm in vms[1:-1]]
        yield emulator, fleet
        for each in fleet:
            each.arm.close()


def entries(emulator: ServedEmulator) -> list[Json]:
    found: list[Json] = emulator.resource(POOL)["properties"][ENTRIES]
    return found


def at_once(emulator: ServedEmulator, fleet: list[Driven], step: str, *, start: list[Json]) -> None:
    """Everybody, in several threads; meanwhile nothing but entries of the start is ever in the pool, and
    those of VMs without a sidecar always are."""
    others = without(start, fleet)
    with ThreadPoolExecutor(THREADS) as threads:
        working = {threads.submit(each.to_the_end, step) for each in fleet}
        while working:
            listed = entries(emulator)
            assert all(one in start for one in listed)
            assert without(listed, fleet) == others
            done, working = wait(working, timeout=0.02, return_when=FIRST_EXCEPTION)
            for future in done:
                future.result()


def without(listed: list[Json], fleet: list[Driven]) -> list[Json]:
    """The entries of VMs without a sidecar."""
    names = {f"{each.sidecar.name}-address" for each in fleet}
    return [one for one in listed if one["name"] not in names]


def rounds(size: int, count: int) -> None:
    """All out, and all back, so often; the pool in the middle and at the end of each is as it has to be."""
    with fleet_of(size) as (emulator, fleet):
        start, listed = plain(emulator.resource(POOL)), entries(emulator)
        for each in fleet:
            each.to_the_end("look")
        for kind, every in FAULTS.items():
            emulator.control.give("arm-fault", kind=kind, every=every)
        for _ in range(count):
            at_once(emulator, fleet, "out", start=listed)
            assert entries(emulator) == without(listed, fleet)
            at_once(emulator, fleet, "back", start=listed)
            assert plain(emulator.resource(POOL)) == start
        statuses = [asked["status"] for asked in emulator.requests()]
        seen = {status: statuses.count(status) for status in sorted(set(statuses))}
        print(f"{count} rounds of {size}: {len(statuses)} requests, by status {seen}")
        assert {0, 409, 412, 429, 500} <= set(statuses)


def test_ten_drain_and_come_back() -> None:
    """No sibling's entry is lost, changed or resurrected; in the end the pool is the one at the start."""
    rounds(10, 1)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_fifty_drain_and_come_back_five_times() -> None:
    """The same with fifty, five times."""
    rounds(50, 5)


def test_where_etags_are_ignored_nothing_is_touched() -> None:
    """A service that takes a wrong etag makes the layer refuse, and the pool stays as it was."""
    with fleet_of(2, replace(BRISK, if_match="ignored")) as (emulator, fleet):
        start = plain(emulator.resource(POOL))
        for each in fleet:
            with pytest.raises(Refused) as refused:
                each.to_the_end("look", "out")
            assert refused.value.kind == "no-concurrency-control"
            assert not each.sidecar.layer.isolates
        assert plain(emulator.resource(POOL)) == start
