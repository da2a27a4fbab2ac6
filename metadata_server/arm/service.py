"""The management API of one emulator: who asks, whether it may, and what becomes of it. No sockets here."""

import re
from datetime import datetime
from typing import Any

from metadata_server.arm import authorization
from metadata_server.arm.asking import Asking, principal
from metadata_server.arm.changes import Change, Told
from metadata_server.arm.derived import resources
from metadata_server.arm.faults import ArmFaults
from metadata_server.arm.following import effects
from metadata_server.arm.ids import ResourceId, action, collection, parse
from metadata_server.arm.natports import PortMap
from metadata_server.arm.operations import Addresses
from metadata_server.arm.places import nat_name, pool_id
from metadata_server.arm.refusal import Refusal, Reply, json_reply, not_found
from metadata_server.arm.requests import RequestLog
from metadata_server.arm.rights import Granted, Rights
from metadata_server.arm.shown import follow_ports, listing, show
from metadata_server.arm.store import Body, Store
from metadata_server.arm.throttle import Throttle
from metadata_server.arm.writing import put
from metadata_server.effects import Effects
from metadata_server.switches import Switches
from metadata_server.tokens import Principal, Tokens
from metadata_server.topology import Management, Topology
from metadata_server.world import World

_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}(-preview)?")


class ArmService:
    """Mutable; used from one thread only, the event loop's."""

    def __init__(self, topology: Topology, management: Management, *, world: World, tokens: Tokens) -> None:
        self._topology = topology
        self._management = management
        self._world = world
        self._tokens = tokens
        self._throttle = Throttle()
        self._rights = Rights(topology.vms, management)
        self.addresses = Addresses()
        self.store = Store()
        self.faults = ArmFaults()
        self.log = RequestLog()
        self.watchers: list[Told] = []
        for body in [*resources(topology, management), *management.resources]:
            self.store.put_past(body, now=world.now())
        for pool in topology.pools:
            if pool.nat is not None:
                key = pool_id(topology, pool).casefold()
                self.store.ports[key] = (nat_name(pool), PortMap(pool.nat))
        self._follow_ports()

    # --- what the controller tells it ---

    def assign(self, vm: str, names: tuple[str, ...], *, without: tuple[str, ...] = ()) -> None:
        """Give a VM's identities these roles; `without`: single actions are taken out of them."""
        self._rights.assign(vm, names, without=without)

    def put_past(self, body: Body) -> None:
        """An operator's write, past roles and operations; the network follows at once."""
        self.store.put_past(body, now=self._world.now())
        self._follow_ports()

    def delete_past(self, resource_id: str) -> None:
        self.store.delete_past(resource_id, now=self._world.now())
        self._follow_ports()

    def resource(self, resource_id: str) -> Body:
        """A resource as it is now. Raises Refusal."""
        found = parse(resource_id)
        if found is None:
            raise not_found(resource_id)
        return show(self.store, found, now=self._world.now(), states="honest")

    def everything(self) -> list[Body]:
        return [self.resource(stored.id.text) for stored in self.store.all()]

    def effects(self) -> Effects:
        return effects(self.store, self._topology, self._management, now=self._world.now())

    def _follow_ports(self) -> None:
        follow_ports(self.store, again=self._world.timeline().switches.nat_port)

    # --- one request ---

    def principal(self, asking: Asking) -> Principal:
        """Raises Refusal 401."""
        return principal(asking, self._tokens, now=self._world.now())

    def respond(self, asking: Asking, who: Principal) -> Reply:
        """The answer, and the write that it began. Raises Refusal."""
        switches = self._world.timeline().switches
        now = self._world.now()
        left = self._spent(asking, who, switches, now)
        reply = self._routed(asking, self._rights.of(who), switches, now)
        return Reply(status=reply.status, body=reply.body, headers={**reply.headers, **left})

    def _spent(self, asking: Asking, who: Principal, switches: Switches, now: datetime) -> dict[str, str]:
        if switches.arm_throttling == "off":
            return {}
        writes = asking.method != "GET"
        left = self._throttle.take(who.object_id, writes=writes, now=now)
        return {f"x-ms-ratelimit-remaining-subscription-{'writes' if writes else 'reads'}": str(left)}

    def _routed(self, asking: Asking, granted: Granted, switches: Switches, now: datetime) -> Reply:
        _versioned(asking)
        if asking.method not in ("GET", "PUT"):
            raise Refusal(405, "MethodNotAllowed", f"The method {asking.method} is not allowed here.")
        if "/operations/" in asking.path.casefold():
            return self._operation(asking, granted, switches, now)
        about = authorization.asked(asking.path)
        if about is not None:
            return authorization.answer(*about, self._rights, granted)
        wanted = parse(asking.path)
        if wanted is None:
            return self._collection(asking, granted, switches, now)
        if asking.method == "PUT":
            return self._put(asking, wanted, granted, switches, now)
        granted.demand(action(wanted.kind, "read"), wanted.text)
        return json_reply(show(self.store, wanted, now=now, states=switches.provisioning_state))

    def _collection(self, asking: Asking, granted: Granted, switches: Switches, now: datetime) -> Reply:
        wanted = collection(asking.path)
        if wanted is None:
            raise not_found(asking.path)
        granted.demand(action(wanted.kind, "read"), asking.path)
        listed = listing(self.store, wanted, now=now, states=switches.provisioning_state)
        return json_reply({"value": listed})

    def _operation(self, asking: Asking, granted: Granted, switches: Switches, now: datetime) -> Reply:
        operation_id = self.addresses.check(asking.path, asking.query)
        if switches.operations_read == "needed":
            granted.demand("Microsoft.Network/locations/operations/read", asking.path)
        write = self.store.operations[operation_id]
        status = write.status(now)
        said: dict[str, Any] = {"status": status}
        if status == "Canceled":
            code = "CanceledAndSupersededDueToAnotherOperation"
            said["error"] = {"code": code, "message": "The operation was superseded by another one."}
        if status == "Failed" and write.failure is not None:
            said["error"] = {"code": write.failure[0], "message": write.failure[1]}
        later = _later(switches) if status == "InProgress" else {}
        return json_reply(said, headers=later)

    def _put(
        self, asking: Asking, wanted: ResourceId, granted: Granted, switches: Switches, now: datetime
    ) -> Reply:
        before = self._watched(wanted)
        status, write = put(self.store, asking, wanted, granted=granted, switches=switches, now=now)
        self._follow_ports()
        for told in self.watchers:
            told(Change(vm=granted.who.vm, before=before, after=self._watched(wanted)))
        address = self.addresses.of(
            write.id,
            subscription=wanted.subscription,
            location=self._topology.vms[0].location,
            at=int(now.timestamp()),
        )
        shown = show(self.store, wanted, now=now, states=switches.provisioning_state)
        headers = {"Azure-AsyncOperation": address, **_later(switches)}
        return json_reply(shown, status=status, headers=headers)

    def _watched(self, wanted: ResourceId) -> Body:
        """For whoever watches: the resource, of a pool what it stands in; empty where there is none."""
        if not self.watchers or not self.store.knows(wanted.text):
            return {}
        return self.resource(self.store.find(wanted).id.text)


def _later(switches: Switches) -> dict[str, str]:
    return {"Retry-After": str(int(switches.operation_retry_after.total_seconds()))}


def _versioned(asking: Asking) -> None:
    """Raises Refusal 400 for a request that names no version of the API."""
    given = asking.parameter("api-version")
    if not given:
        raise Refusal(
            400,
            "MissingApiVersionParameter",
            "The api-version query parameter (?api-version=) is required for all requests.",
        )
    if not _VERSION.fullmatch(given):
        raise Refusal(400, "InvalidApiVersionParameter", f"The api-version '{given}' is invalid.")
