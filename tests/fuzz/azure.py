"""The management API's documents, as a service or somebody with rights on a resource could garble them."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from contextlib import suppress
from types import SimpleNamespace

from drainer.azure import ids, mark, shared_list
from drainer.backends import azure_admin_state, azure_application_gateway, azure_ip_pool, azure_nic_pool
from drainer.clock import ManualClock
from drainer.core.model import Membership
from drainer.errors import DrainerError, Refused
from drainer.management import Json, Operation, State, Succeeded
from drainer.ports import Backend, Surroundings
from drainer.transport.azure.sdk.answers import code_and_message, missing_action, retry_after
from tests import azure_documents as documents
from tests.fuzz.target import Form, Target

KINDS = {
    module.KIND.name: module.KIND
    for module in (azure_nic_pool, azure_ip_pool, azure_admin_state, azure_application_gateway)
}
GATEWAY = f"{documents.NETWORK}/applicationGateways/agw"
MARKED = mark.OwnerMark(vm_id="id-of-vm1", since="2030-01-01T00:00:00Z", taken=())


class ToldArm:
    """An `Arm` that has the documents of one input, and takes every write."""

    def __init__(self, told: Json) -> None:
        self._instance = told.get("instance")
        self._documents = {ids.key(name): document for name, document in told.items()}

    def instance(self) -> Json:
        return _object(self._instance)

    def get(self, resource_id: str) -> Json:
        return _object(self._documents.get(ids.key(resource_id)))

    def begin_put(self, resource_id: str, body: Json, *, if_match: str = "") -> Operation:
        self._documents[ids.key(resource_id)] = json.loads(json.dumps(body))
        return Operation(key="1", resource_id=resource_id)

    def operation(self, operation: Operation) -> State:
        return Succeeded()

    def rest(self) -> None:
        return

    def close(self) -> None:
        return


def _object(found: object) -> Json:
    """As the transport does: what is no object is no document."""
    if not isinstance(found, dict):
        raise Refused("azure-not-found", "there is no such document")
    return copy.deepcopy(found)


def layer(name: str, options: Json) -> Callable[[bytes], None]:
    """Every verb of a backend returns or raises an error of ours, whatever the documents are."""

    def one(content: bytes) -> None:
        try:
            told = json.loads(content)
        except (ValueError, RecursionError):
            return
        if not isinstance(told, dict):
            return
        clock = ManualClock()
        around = Surroundings(clock=clock, vm_name=lambda: "vm1", service_ports=(80,), arm=ToldArm(told))
        kind = KINDS[name]
        backend = kind.build(kind.options(**options), around)
        was = _membership(backend)
        for verb in (
            backend.cordon,
            lambda: backend.isolate(was),
            backend.membership,
            lambda: backend.restore(was),
            backend.in_service_count,
            backend.in_flight,
        ):
            with suppress(DrainerError):
                verb()
        assert isinstance(backend.undo(), str)

    return one


def _membership(backend: Backend) -> Membership:
    try:
        return backend.membership()
    except DrainerError:
        return Membership(entries=())


def owner_mark(content: bytes) -> None:
    """Tags say a mark or none; taking our mark away leaves everybody else's tags."""
    try:
        tags = json.loads(content)
    except (ValueError, RecursionError):
        return
    interface = {"id": documents.nic_id("nic"), "tags": tags, "properties": {}}
    mark.read(interface)
    mark.undo_of(interface)
    left = mark.unmarked(interface)
    assert not mark.is_marked(left)
    said = mark.marked(interface, MARKED, undo="undo")
    if mark.is_marked(said):
        assert mark.read(said) is not None
    mark.bare(interface)


def recorded(content: bytes) -> None:
    """What the journal keeps of a layer's element, and names and ids, are read or are nothing."""
    text = content.decode("utf-8", "replace")
    found = shared_list.recorded(text)
    assert shared_list.recorded(shared_list.written(found)) == found
    ids.named(text)
    ids.short(text)
    ids.parent(text)
    ids.spelled(text, beside=text, provider="loadBalancers", child="backendAddressPools")


def refusals(content: bytes) -> None:
    """An error's body gives a code and a message or none; Retry-After a wait of at most a day, or none."""
    text = content.decode("utf-8", "replace")
    code, message = code_and_message(SimpleNamespace(text=lambda: text))
    assert isinstance(code, str)
    missing_action(message)
    now = ManualClock().now().wall
    wait = retry_after({"Retry-After": text}, now=lambda: now, draw=lambda: 0.5)
    assert wait is None or 0 <= wait.total_seconds() <= 86400 * 1.2


def _seed(*, by_address: bool = False) -> bytes:
    pools = (documents.pool_id("web"),)
    listed = documents.address_pool(
        "web", documents.address("a1", "10.0.0.4"), documents.address("a2", "10.0.0.5")
    )
    balancer = documents.balancer("web", outbound=("out",))
    told = {
        "instance": documents.instance("vm1"),
        documents.vm_id("vm1"): documents.vm("vm1", "nic"),
        documents.nic_id("nic"): documents.nic(
            "nic", documents.configuration("c", *(() if by_address else pools))
        ),
        documents.BALANCER: documents.with_pool(balancer, listed) if by_address else balancer,
        documents.pool_id("web"): listed,
        documents.SUBNET: documents.subnet(),
        GATEWAY: documents.gateway("agw", "10.0.0.4", "10.0.0.5"),
    }
    return json.dumps(told).encode()


def _layer_target(name: str, options: Json, *, by_address: bool) -> Target:
    return Target(
        name=name,
        one=layer(name, options),
        under=("drainer.azure", f"drainer.backends.{name.replace('-', '_')}"),
        seeds=lambda: (_seed(by_address=by_address), _seed(by_address=not by_address)),
        form=Form.JSON,
        longest=16384,
        words=("properties", "id", "name", "ipConfigurations", "loadBalancerBackendAddressPools", "null"),
    )


TARGETS = (
    _layer_target("azure-nic-pool", {}, by_address=False),
    _layer_target("azure-ip-pool", {"pool": documents.pool_id("web")}, by_address=True),
    _layer_target(
        "azure-admin-state", {"pool": documents.pool_id("web"), "accept_experimental": True}, by_address=True
    ),
    _layer_target(
        "azure-application-gateway",
        {"pools": (f"{GATEWAY}/backendAddressPools/app",), "accept_gateway_write": True},
        by_address=True,
    ),
    Target(
        name="azure-mark",
        one=owner_mark,
        under=("drainer.azure.mark",),
        seeds=lambda: (
            b'{"owner":"web","drainer-out-1":"{\\"v\\":1,\\"vm\\":\\"v\\",\\"at\\":\\"t\\",\\"out\\":[[\\"p\\",\\"c\\",0]]}"}',
            b'{"drainer-undo-1":"az","drainer-out-2":"x"}',
        ),
        form=Form.JSON,
        words=("drainer-out-1", "drainer-out-²", "drainer-undo-", "drainer-out-١"),
    ),
    Target(
        name="azure-recorded",
        one=recorded,
        under=("drainer.azure.shared_list", "drainer.azure.ids"),
        seeds=lambda: (
            b'[{"element":{"name":"a1","properties":{"ipAddress":"10.0.0.4"}},"after":["a0"],"before":[]}]',
            documents.pool_id("web").encode(),
        ),
        form=Form.JSON,
        words=("element", "after", "before", "/subscriptions/", "[" * 64),
        longest=32768,
    ),
    Target(
        name="azure-refusals",
        one=refusals,
        under=("drainer.transport.azure.sdk.answers",),
        seeds=lambda: (
            b'{"error":{"code":"AuthorizationFailed","message":"The client does not have authorization to perform '
            b'action \'a/b/write\' over scope \'/s\'","details":[{"code":"Conflict","message":"m"}]}}',
            b'{"error":"invalid_request","error_description":"Identity not found"}',
            b"Mon, 19 Sep 2016 18:29:47 GMT",
            b"120",
        ),
        form=Form.JSON,
        words=("nan", "inf", "1e400", "-1", "error", "code", "details", "GMT", "[" * 64),
        longest=32768,
    ),
)
