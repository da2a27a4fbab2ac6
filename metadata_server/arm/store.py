"""The resources, their etags, and the writes that still run. Time comes in with every call; nothing waits.

A write replaces the whole body at once, as a reader sees it; it is final after the operation's time, and
takes effect on the network a while later.
"""

import copy
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from metadata_server.arm.ids import ResourceId, parse
from metadata_server.arm.natports import PortMap
from metadata_server.arm.refusal import Refusal, not_found

Body = dict[str, Any]
POOLS = "microsoft.network/loadbalancers/backendaddresspools"
BALANCERS = "microsoft.network/loadbalancers"
GATEWAYS = "microsoft.network/applicationgateways"
INTERFACES = "microsoft.network/networkinterfaces"


@dataclass(slots=True, kw_only=True)
class Write:
    """One operation. `superseded`: a later write took its place before it was final."""

    id: str
    key: str
    began_at: datetime
    ends_at: datetime
    superseded: bool = False
    failure: tuple[str, str] | None = None

    def status(self, now: datetime) -> str:
        if self.superseded:
            return "Canceled"
        if now < self.ends_at:
            return "InProgress"
        return "Succeeded" if self.failure is None else "Failed"


@dataclass(slots=True, kw_only=True)
class Stored:
    """`effective` holds what the network follows: bodies and since when, oldest first."""

    id: ResourceId
    body: Body
    etag: str
    effective: list[tuple[datetime, Body]] = field(default_factory=list)
    write: Write | None = None


class Store:
    """Every resource by its id, case aside. Child resources of a body stand in their parent."""

    def __init__(self) -> None:
        self._stored: dict[str, Stored] = {}
        self._pool_etags: dict[str, str] = {}
        self.operations: dict[str, Write] = {}
        self.ports: dict[str, tuple[str, PortMap]] = {}
        """By the key of a pool: the name of the inbound NAT rule over it, and the ports of its members."""

    def put_past(self, body: Body, *, now: datetime) -> None:
        """Place a resource as it is, at once, with a fresh etag: the topology's, or an operator's."""
        found = parse(str(body.get("id", "")))
        if found is None:
            raise Refusal(400, "InvalidResourceId", f"no resource id: {body.get('id')!r}")
        kept = self._stored.get(found.key)
        effective = kept.effective if kept else []
        self._stored[found.key] = Stored(
            id=found, body=copy.deepcopy(body), etag=new_etag(), effective=[*effective, (now, body)]
        )
        self._renew_pools_of(found)

    def delete_past(self, resource_id: str, *, now: datetime) -> None:
        """Remove a resource or a child at once, with every reference to it, as a deletion by hand ends."""
        target = resource_id.casefold()
        self._stored.pop(target, None)
        for stored in tuple(self._stored.values()):
            pruned = _without(stored.body, target)
            if pruned != stored.body:
                self.put_past(pruned, now=now)

    def find(self, wanted: ResourceId) -> Stored:
        """The resource; of a child its parent. Raises Refusal 404."""
        stored = self._stored.get(wanted.key) or self._stored.get(wanted.parent.casefold())
        if stored is None:
            raise not_found(wanted.text)
        return stored

    def knows(self, resource_id: str) -> bool:
        """Whether a reference leads anywhere."""
        wanted = parse(resource_id)
        if wanted is None:
            return False
        if wanted.key in self._stored:
            return True
        parent = self._stored.get(wanted.parent.casefold())
        return parent is not None and child(parent.body, wanted) is not None

    def all(self, kind: str = "") -> Iterator[Stored]:
        return (stored for stored in tuple(self._stored.values()) if not kind or stored.id.kind == kind)

    def etag_of(self, wanted: ResourceId) -> str:
        """The etag of the resource, or of the child pool, which has one of its own."""
        if wanted.key in self._stored:
            return self._stored[wanted.key].etag
        return self._pool_etags.setdefault(wanted.key, new_etag())

    def _renew_pools_of(self, written: ResourceId) -> None:
        """A write of the whole writes the pools in it, so that their etags are other ones too."""
        for key in [key for key in self._pool_etags if key.startswith(f"{written.key}/")]:
            self._pool_etags[key] = new_etag()

    def running(self, wanted: ResourceId, now: datetime) -> Write | None:
        """The write that still runs on this resource or on what it stands in."""
        write = self.find(wanted).write
        return write if write is not None and write.status(now) == "InProgress" else None

    def replace(
        self, wanted: ResourceId, body: Body, *, now: datetime, takes: timedelta, propagates: timedelta
    ) -> Write:
        """Put this body in the place of the resource, or of the child inside its parent."""
        if wanted.key not in self._stored and not wanted.parent:
            self._stored[wanted.key] = Stored(id=wanted, body={}, etag=new_etag())
        write = self._begun(wanted, now=now, takes=takes)
        stored = self.find(wanted)
        if stored.id.key == wanted.key:
            stored.body = copy.deepcopy(body)
        else:
            stored.body = _with_child(stored.body, wanted, body)
        stored.effective = [*stored.effective[-8:], (write.ends_at + propagates, stored.body)]
        return write

    def fail(self, wanted: ResourceId, *, now: datetime, takes: timedelta, why: tuple[str, str]) -> Write:
        """Begin a write that comes to nothing: code and message of its end are `why`."""
        write = self._begun(wanted, now=now, takes=takes)
        write.failure = why
        return write

    def _begun(self, wanted: ResourceId, *, now: datetime, takes: timedelta) -> Write:
        """A new operation on the resource, in the place of one that still runs; whatever becomes of it, the
        etag of what is written is another one."""
        stored = self.find(wanted)
        if stored.write is not None and stored.write.status(now) == "InProgress":
            stored.write.superseded = True
        stored.etag = new_etag()
        if stored.id.key == wanted.key:
            self._renew_pools_of(wanted)
        else:
            self._pool_etags[wanted.key] = new_etag()
        stored.write = Write(id=str(uuid.uuid4()), key=wanted.key, began_at=now, ends_at=now + takes)
        self.operations[stored.write.id] = stored.write
        return stored.write

    def effective(self, kind: str, now: datetime) -> Iterator[Body]:
        """What the network follows now."""
        for stored in self.all(kind):
            bodies = [body for since, body in stored.effective if since <= now]
            if bodies:
                yield bodies[-1]


def child(parent: Body, wanted: ResourceId) -> Body | None:
    """The child of that name in its parent's body."""
    collection = wanted.text.split("/")[-2]
    properties = parent.get("properties", {})
    listed = next((v for k, v in properties.items() if k.casefold() == collection.casefold()), None)
    if not isinstance(listed, list):
        return None
    return next((each for each in listed if str(each.get("name")).casefold() == wanted.name.casefold()), None)


def new_etag() -> str:
    return f'W/"{uuid.uuid4()}"'


def _with_child(parent: Body, wanted: ResourceId, body: Body) -> Body:
    changed = copy.deepcopy(parent)
    collection = wanted.text.split("/")[-2].casefold()
    for name, listed in changed.get("properties", {}).items():
        if name.casefold() == collection:
            for index, each in enumerate(listed):
                if str(each.get("name")).casefold() == wanted.name.casefold():
                    listed[index] = copy.deepcopy(body)
                    return changed
            listed.append(copy.deepcopy(body))
    return changed


def _without(body: Any, target: str) -> Any:
    """The same without the child of that id and without references to it."""
    match body:
        case dict():
            return {name: _without(value, target) for name, value in body.items()}
        case list():
            kept = [each for each in body if not (isinstance(each, dict) and _is(each, target))]
            return [_without(each, target) for each in kept]
        case _:
            return body


def _is(each: Body, target: str) -> bool:
    return str(each.get("id", "")).casefold() == target
