"""Sidecars that share one pool of addresses, each with Azure's SDK over a service without sockets, and dice.

The dice decide whose turn it is, which request meets a fault, and before which write somebody else acts.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from urllib.parse import unquote, urlsplit

from azure.core.credentials import AccessToken

from drainer.azure.shared_pool import WRONG_ETAG, SharedPool
from drainer.backends import azure_ip_pool
from drainer.clock import ManualClock
from drainer.core.model import Done, Membership
from drainer.errors import Transient
from drainer.management import Json
from drainer.testing.stand import surroundings
from drainer.transport.azure.sdk.arm import SdkArm
from drainer.transport.azure.sdk.credential import Prefetched
from metadata_server.arm.asking import Asking
from metadata_server.arm.ids import parse
from metadata_server.arm.refusal import Refusal
from metadata_server.arm.store import child
from metadata_server.imds.instance import vm_id
from metadata_server.tokens import AUDIENCES, principal_of
from metadata_server.topology import Address, Member, Pool, PoolKind, Vm
from tests.unit.azure_transport.scripted import Asked, Line, Says, Script, cut_connection, failing
from tests.unit.metadata_server_arm.rig import FREE, NOON, Rig
from tests.unit.metadata_server_arm.rig import POOL as POOLS

POOL = f"{POOLS}/addresses"
TURN = timedelta(milliseconds=100)
DEEPEST = 3
"""So many sidecars at most stand between their read and their write at once."""

REFUSALS = (
    failing("TooManyRequests", status=429, headers={"Retry-After": "2"}),
    failing("RetryableErrorDueToAnotherOperation", status=429),
    failing("PreconditionFailed", status=412),
    failing("AnotherOperationInProgress", status=409),
    failing("InternalServerError", status=500),
)


@dataclass(slots=True, kw_only=True)
class Sidecar:
    name: str
    layer: SharedPool
    was: Membership = field(default_factory=lambda: Membership(entries=()))
    steps: list[str] = field(default_factory=list)

    def turn(self) -> None:
        """One call of its present verb; the next one is due once it is done."""
        try:
            if self._verb():
                self.steps.pop(0)
        except Transient:
            return

    def _verb(self) -> bool:
        match self.steps[0]:
            case "look":
                self.was = self.layer.membership()
                return True
            case "out":
                return self.layer.cordon() == Done()
            case _:
                return self.layer.restore(self.was) == Done()


def machines(count: int) -> tuple[Vm, ...]:
    return tuple(
        Vm(name=f"vm{number:02d}", address=FREE, source=f"127.0.0.{number + 11}") for number in range(count)
    )


def shared(vms: tuple[Vm, ...]) -> Pool:
    """The pool of addresses that they are all in."""
    members = tuple(Member(vm=vm.name, address=Address(host=str(vm.source), port=9)) for vm in vms)
    return Pool(name="addresses", members=members, kind=PoolKind.IP)


def instance(vm: Vm) -> Json:
    return {"compute": {"vmId": vm_id(vm), "name": vm.name, "resourceId": vm.resource_id}}


def plain(pool: Json) -> str:
    """A pool as text, without what every write renews."""
    told: Json = json.loads(json.dumps(pool))
    told.pop("etag", None)
    told["properties"].pop("provisioningState", None)
    return json.dumps(told)


class Fleet:
    """`odds`: how often a request meets a fault, and how often somebody acts before a write arrives."""

    def __init__(self, seed: int, *, size: int, odds: float, switches: str = "operation-time=250ms") -> None:
        self.dice, self.odds, self.size = random.Random(seed), odds, size
        vms = machines(size)
        self.rig = Rig(shared(vms), vms=vms, switches=switches)
        self.rig.service.addresses.origin = "https://management.azure.com"
        self.clock = ManualClock()
        self.faults, self.asked, self.races = 0, 0, 0
        self._elapsed_s = 0.0
        self._acting: list[str] = []
        self.sidecars = [self._sidecar(vm) for vm in vms]

    def _sidecar(self, vm: Vm) -> Sidecar:
        script = Script(always=lambda asked: self._answered(vm, script, asked))
        arm = SdkArm(
            management_url="https://management.azure.com",
            credential=Prefetched(_Issued(self.rig, vm.name), "any", now=self.rig.clock.now),
            instance=lambda: instance(vm),
            now=self.rig.clock.now,
            transport=script.transport,
            draw=self.dice.random,
            elapsed=lambda: self._elapsed_s,
        )
        around = replace(surroundings(self.clock, vm=vm.name), arm=arm)
        return Sidecar(
            name=vm.name, layer=azure_ip_pool.build(azure_ip_pool.Options(pool="lb/addresses"), around)
        )

    # --- what is seen from outside ---

    def pool(self) -> Json:
        return self.rig.service.resource(POOL)

    def listed(self) -> list[Json]:
        """The entries as they are kept: to look at only."""
        wanted = parse(POOL)
        assert wanted is not None
        pool = child(self.rig.service.store.find(wanted).body, wanted)
        assert pool is not None
        found: list[Json] = pool["properties"]["loadBalancerBackendAddresses"]
        return found

    # --- turns ---

    def round(self, *, turns: int = 20_000) -> Iterator[Sidecar]:
        """All of them look, drain and come back; each turn's sidecar once it has acted."""
        for sidecar in self.sidecars:
            sidecar.steps = ["look"]
        with_faults, self.odds = self.odds, 0.0
        self._acted_all(turns)
        self.odds = with_faults
        for sidecar in self.sidecars:
            sidecar.steps = ["out", "back"]
        for _ in range(turns):
            waiting = [sidecar for sidecar in self.sidecars if sidecar.steps]
            if not waiting:
                return
            sidecar = self.dice.choice(waiting)
            self.act(sidecar)
            yield sidecar
        raise AssertionError("they never came to an end")

    def rest(self) -> None:
        """All forget what they know and have proven, as after an episode."""
        for sidecar in self.sidecars:
            sidecar.layer.rest()

    def _acted_all(self, turns: int) -> None:
        for _ in range(turns):
            waiting = [sidecar for sidecar in self.sidecars if sidecar.steps]
            if not waiting:
                return
            self.act(waiting[0])
        raise AssertionError("they never came to an end")

    def act(self, sidecar: Sidecar) -> None:
        self._elapsed_s += TURN.total_seconds()
        self.clock.advance(TURN)
        self.rig.at((self.rig.clock.now() - NOON + TURN).total_seconds())
        self._acting.append(sidecar.name)
        sidecar.turn()
        self._acting.pop()

    # --- one request ---

    def _answered(self, vm: Vm, script: Script, asked: Asked) -> Line:
        script.asked.clear()
        self.asked += 1
        if asked.method == "PUT":
            self._let_somebody_act()
        if self.dice.random() >= self.odds:
            return self._acted(vm, asked)
        self.faults += 1
        fault = self.dice.choice((*REFUSALS, "before", "after"))
        if isinstance(fault, Says):
            return fault
        if fault == "after":
            self._acted(vm, asked)
        return cut_connection()

    def _let_somebody_act(self) -> None:
        """Between the read of the one and its write another one takes a turn."""
        free = [each for each in self.sidecars if each.steps and each.name not in self._acting]
        if free and len(self._acting) < DEEPEST and self.dice.random() < self.odds:
            self.act(self.dice.choice(free))

    def _acted(self, vm: Vm, asked: Asked) -> Says:
        before = self.listed()
        says = self._replied(asked)
        if asked.method == "PUT":
            assert others(before, vm) == others(self.listed(), vm), f"{vm.name} changed a sibling's entry"
            self.races += says.status == 412 and asked.headers["If-Match"] != WRONG_ETAG
        return says

    def _replied(self, asked: Asked) -> Says:
        address = urlsplit(asked.url)
        asking = Asking(
            method=asked.method,
            path=unquote(address.path),
            query=address.query,
            headers={name.casefold(): value for name, value in asked.headers.items()},
            body=asked.body,
        )
        service = self.rig.service
        try:
            reply = service.respond(asking, service.principal(asking))
        except Refusal as refused:
            reply = refused.reply()
        return Says(status=reply.status, body=reply.body, headers=reply.headers)


def others(listed: list[Json], vm: Vm) -> list[Json]:
    return [each for each in listed if each["properties"]["ipAddress"] != vm.private_ip]


@dataclass(frozen=True, slots=True)
class _Issued:
    """Tokens as the metadata service would issue them."""

    rig: Rig
    vm: str

    def get_token(self, *scopes: str, **more: object) -> AccessToken:
        now = self.rig.clock.now()
        token = self.rig.tokens.issue(
            principal_of(self.vm), audience=AUDIENCES[0], now=now, lifetime=timedelta(days=1)
        )
        return AccessToken(token, int((now + timedelta(days=1)).timestamp()))
