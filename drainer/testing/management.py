"""The management API in memory: resources with etags, operations that take their time, faults on demand.

`World` is what outlives any number of sidecars; `MemoryArm` is one VM's way to it, and passes for
`drainer.management.Arm`. It believes what Microsoft's documents say of writes, and nothing more.
"""

from __future__ import annotations

import itertools
import json
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum

from drainer.azure.ids import key, parent
from drainer.azure.interface import BALANCER_POOLS, GATEWAY_POOLS, references
from drainer.errors import DrainerError, Refused, Transient
from drainer.management import Failed, Json, Operation, Running, State, Succeeded

CHILDREN = "backendAddressPools"


class Fault(Enum):
    """What befalls one call."""

    LOST_BEFORE = "lost-before"  # it never arrived
    LOST_AFTER = "lost-after"  # it acted, its answer was lost
    SLOW = "slow"  # it acted; the first asking gets no answer yet
    PRECONDITION = "precondition"  # 412 out of the blue
    THROTTLED = "throttled"  # 429
    LOCKED = "locked"  # another operation holds it
    UNAVAILABLE = "unavailable"  # 500
    UNREACHABLE = "unreachable"
    FAILS_LATER = "fails-later"  # accepted; the operation fails, and nothing changed


ERRORS: dict[Fault, DrainerError] = {
    Fault.PRECONDITION: Transient("azure-precondition", "PreconditionFailed"),
    Fault.THROTTLED: Transient("azure-throttled", "TooManyRequests", retry_after=timedelta(seconds=17)),
    Fault.LOCKED: Transient("azure-locked", "RetryableErrorDueToAnotherOperation"),
    Fault.UNAVAILABLE: Transient("azure-unavailable", "InternalServerError"),
    Fault.UNREACHABLE: Transient("azure-unreachable", "no route"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call that reached the service."""

    verb: str
    resource_id: str
    if_match: str = ""


@dataclass(slots=True, kw_only=True)
class World:
    """All resources of a subscription. `polls`: how often an operation is asked after until it is final."""

    resources: dict[str, Json] = field(default_factory=dict)
    honours_if_match: bool = True
    polls: int = 1
    denied: set[str] = field(default_factory=set)
    etags: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    running: dict[str, int] = field(default_factory=dict)

    def put(self, resource: Json) -> None:
        """An operator's write, past every check."""
        stored = _copied(resource)
        stored["etag"] = f'W/"{next(self.etags):08d}"'
        self.resources[key(stored["id"])] = stored

    def get(self, resource_id: str) -> Json | None:
        """As the service shows it: pools list the configurations that refer to them."""
        wanted = key(resource_id)
        if wanted in self.resources:
            return self._shown(self.resources[wanted])
        if (owner := self.resources.get(key(parent(resource_id)))) is None:
            return None
        for child in self._children(owner):
            if key(child["id"]) == wanted:
                return self._shown_child(_copied(child))
        return None

    def store(self, resource_id: str, body: Json) -> None:
        """Write the whole of a resource, or of a child in its owner's list."""
        stored = _copied(body)
        stored["etag"] = f'W/"{next(self.etags):08d}"'
        if key(resource_id) in self.resources:
            self.resources[key(resource_id)] = stored
            return
        owner = self.resources[key(parent(resource_id))]
        pools = owner["properties"][CHILDREN]
        pools[:] = [stored if key(each["id"]) == key(resource_id) else each for each in pools]

    def remove_pool(self, pool: str) -> None:
        """An operator deletes a pool: its references go with it."""
        owner = self.resources[key(parent(pool))]
        pools = owner["properties"][CHILDREN]
        pools[:] = [each for each in pools if key(each["id"]) != key(pool)]
        for resource in list(self.resources.values()):
            self.edit_lists(resource, lambda listed: [one for one in listed if key(one["id"]) != key(pool)])

    def edit_lists(self, resource: Json, edit: Callable[[list[Json]], list[Json]]) -> None:
        """Change every list of pool references of an interface."""
        for configuration in resource.get("properties", {}).get("ipConfigurations", []):
            for member in (BALANCER_POOLS, GATEWAY_POOLS):
                if member in configuration["properties"]:
                    configuration["properties"][member] = edit(configuration["properties"][member])
                    resource["etag"] = f'W/"{next(self.etags):08d}"'

    def unknown_reference(self, body: Json) -> str:
        """The first pool that a body refers to and that is not there; "" where all are."""
        for member in (BALANCER_POOLS, GATEWAY_POOLS):
            for reference in references(body, member):
                if self.get(reference.pool) is None:
                    return reference.pool
        return ""

    def _shown(self, resource: Json) -> Json:
        shown = _copied(resource)
        if (left := self.running.get(key(resource["id"]))) is not None:
            shown["properties"]["provisioningState"] = "Updating" if left > 0 else "Succeeded"
        for child in self._children(shown):
            self._shown_child(child)
        return shown

    def _shown_child(self, child: Json) -> Json:
        if "loadBalancerBackendAddresses" not in child["properties"] and (
            members := self._members(child["id"])
        ):
            child["properties"]["backendIPConfigurations"] = [{"id": each} for each in members]
        return child

    def _children(self, resource: Json) -> list[Json]:
        listed = resource.get("properties", {}).get(CHILDREN)
        return listed if isinstance(listed, list) else []

    def _members(self, pool: str) -> list[str]:
        return [
            f"{resource['id']}/ipConfigurations/{reference.configuration}"
            for resource in self.resources.values()
            for member in (BALANCER_POOLS, GATEWAY_POOLS)
            for reference in references(resource, member)
            if key(reference.pool) == key(pool)
        ]


class MemoryArm:
    """One VM's way to the world. Faults are used up one by one, by the next call of their verb."""

    def __init__(self, world: World, instance: Json) -> None:
        self.world = world
        self.calls: list[Call] = []
        self.severed = False
        self.faults: dict[str, deque[Fault]] = {"get": deque(), "put": deque(), "poll": deque()}
        self.before_put: Callable[[], None] = lambda: None
        self.rests = 0
        self._instance = instance
        self._kept: dict[str, Operation] = {}
        self._operations: dict[str, tuple[str, str]] = {}
        self._numbers = itertools.count(1)

    def arm(self, verb: str, *faults: Fault) -> None:
        self.faults[verb].extend(faults)

    def count(self, verb: str) -> int:
        return sum(1 for call in self.calls if call.verb == verb)

    # --- Arm ---

    def instance(self) -> Json:
        self.calls.append(Call(verb="instance", resource_id=""))
        return _copied(self._instance)

    def get(self, resource_id: str) -> Json:
        self._came(Call(verb="get", resource_id=resource_id))
        self._fault("get")
        self._permitted(f"{_kind(resource_id)}/read", resource_id)
        self._progress(resource_id)
        found = self.world.get(resource_id)
        if found is None:
            raise Refused("azure-not-found", f"ResourceNotFound: {resource_id}")
        return found

    def begin_put(self, resource_id: str, body: Json, *, if_match: str = "") -> Operation:
        asked = f"{key(resource_id)} {body!r} {if_match}"
        if asked in self._kept:
            return self._kept.pop(asked)
        self._came(Call(verb="put", resource_id=resource_id, if_match=if_match))
        fault = self._fault("put")
        if fault is Fault.LOST_BEFORE:
            raise Transient("azure-lost", "no answer")
        self.before_put()
        self._check(resource_id, body, if_match)
        operation = self._accept(resource_id, body, fails=fault is Fault.FAILS_LATER)
        if fault is Fault.LOST_AFTER:
            raise Transient("azure-lost", "no answer")
        if fault is Fault.SLOW:
            self._kept[asked] = operation
            raise Transient("azure-slow", "no answer yet")
        return operation

    def operation(self, operation: Operation) -> State:
        self._came(Call(verb="poll", resource_id=operation.resource_id))
        self._fault("poll")
        self._permitted("Microsoft.Network/locations/operations/read", operation.resource_id)
        self._progress(operation.resource_id)
        if self.world.running.get(key(operation.resource_id), 0) > 0:
            return Running()
        _, failure = self._operations.get(operation.key, ("", ""))
        return Failed(code=failure, reason="the service gave up") if failure else Succeeded()

    def rest(self) -> None:
        self.rests += 1
        self._kept.clear()

    def close(self) -> None:
        self.rest()

    # --- what the service does ---

    def _came(self, call: Call) -> None:
        if self.severed:
            raise ERRORS[Fault.UNREACHABLE]
        self.calls.append(call)

    def _fault(self, verb: str) -> Fault | None:
        if not self.faults[verb]:
            return None
        fault = self.faults[verb].popleft()
        if fault in ERRORS:
            raise ERRORS[fault]
        if verb != "put" and fault is Fault.SLOW:
            raise Transient("azure-slow", "no answer yet")
        return fault

    def _permitted(self, action: str, scope: str) -> None:
        if action.casefold() in {each.casefold() for each in self.world.denied}:
            raise Refused("azure-forbidden", f"AuthorizationFailed: {action} over {scope}")

    def _check(self, resource_id: str, body: Json, if_match: str) -> None:
        self._permitted(f"{_kind(resource_id)}/write", resource_id)
        standing = self.world.get(resource_id)
        if standing is None:
            raise Refused("azure-not-found", f"ResourceNotFound: {resource_id}")
        owner = parent(resource_id)
        if any(self.world.running.get(key(each), 0) > 0 for each in (resource_id, owner)):
            raise ERRORS[Fault.LOCKED]
        if if_match and self.world.honours_if_match and if_match != standing["etag"]:
            raise ERRORS[Fault.PRECONDITION]
        if missing := self.world.unknown_reference(body):
            raise Refused("azure-rejected", f"InvalidResourceReference: {missing}")
        for member, kind in ((BALANCER_POOLS, "loadBalancers"), (GATEWAY_POOLS, "applicationGateways")):
            if any(references(body, member)):
                self._permitted(f"Microsoft.Network/{kind}/backendAddressPools/join/action", resource_id)

    def _accept(self, resource_id: str, body: Json, *, fails: bool) -> Operation:
        if not fails:
            self.world.store(resource_id, body)
        self.world.running[key(resource_id)] = self.world.polls
        operation = Operation(key=str(next(self._numbers)), resource_id=resource_id)
        self._operations[operation.key] = (resource_id, "InternalServerError" if fails else "")
        return operation

    def _progress(self, resource_id: str) -> None:
        """An operation comes to its end as it is asked after."""
        left = self.world.running.get(key(resource_id))
        if left is not None and left > 0:
            self.world.running[key(resource_id)] = left - 1


def _copied(document: Json) -> Json:
    """As over the wire."""
    copied: Json = json.loads(json.dumps(document))
    return copied


def _kind(resource_id: str) -> str:
    parts = resource_id.strip("/").split("/")
    return "/".join((parts[5], *parts[6::2])) if len(parts) > 5 else ""
