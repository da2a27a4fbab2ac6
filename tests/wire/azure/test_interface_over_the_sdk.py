"""An interface with every published property, and unknown ones, drains and returns through Azure's SDK."""

from __future__ import annotations

import contextlib
import copy
import json
from collections.abc import Callable, Iterator

import pytest

from drainer.azure.interface import BALANCER_POOLS, references
from drainer.backends import azure_nic_pool
from drainer.core.model import Done, Progress
from drainer.errors import Transient
from drainer.management import Json
from tests.azure_documents import NETWORK
from tests.unit.azure.example_interface import GATEWAY_POOL, example
from tests.wire.azure.stands import BALANCER, NicStand, Place, place, pool
from tests.wire.metadata_server.azure_client import NET, nic

OURS = "drainer-"
PATIENCE = 200


@pytest.fixture(scope="module")
def served() -> Iterator[Place]:
    """The interface is vm1's, and what it refers to is there."""
    with place(pool("first"), pool("second"), pool("third")) as found:
        gateway = GATEWAY_POOL.rpartition("/backendAddressPools/")[0].replace(NETWORK, NET)
        pools = [{"name": "appPool", "id": f"{gateway}/backendAddressPools/appPool"}]
        body = {"name": "agw", "id": gateway, "properties": {"backendAddressPools": pools}}
        found.emulator.control.give("arm-put", body=body)
        ssh = {"name": "ssh", "id": f"{BALANCER}/inboundNatRules/ssh", "properties": {}}
        found.edited(BALANCER, lambda body: body["properties"]["inboundNatRules"].append(ssh))
        found.start = {nic("vm1"): published(found.emulator.resource(nic("vm1")))}
        yield found


def published(interface: Json) -> Json:
    """The example in the place of this interface. A reference to a pool is its id, as the API shows it."""
    text = json.dumps(example()).replace(NETWORK, NET).replace("subnets/default", "subnets/subnet")
    body: Json = json.loads(text.replace(f"{NET}/networkInterfaces/nic", interface["id"]))
    body["name"] = interface["name"]
    body["properties"]["virtualMachine"] = interface["properties"]["virtualMachine"]
    for configuration in body["properties"]["ipConfigurations"]:
        listed = configuration["properties"].get(BALANCER_POOLS, [])
        for each in listed:
            each.pop("properties", None)
    return body


def plain(interface: Json) -> str:
    """As text, without etags, provisioning states and our tags."""
    body = copy.deepcopy(interface)
    body["tags"] = {name: value for name, value in body["tags"].items() if not name.startswith(OURS)}
    for part in (body, *body["properties"]["ipConfigurations"]):
        part.pop("etag", None)
        part["properties"].pop("provisioningState", None)
    return json.dumps(body)


def to_the_end(stand: NicStand, verb: Callable[[], Progress]) -> None:
    for _ in range(PATIENCE):
        with contextlib.suppress(Transient):
            if verb() == Done():
                return
        stand.wait()
    raise AssertionError("it never came to an end")


@pytest.mark.parametrize("names", ["first", "first third", "first second third"])
def test_nothing_else_of_an_interface_changes(served: Place, names: str) -> None:
    """Out of some pools and back in them, the interface is the one before, byte for byte, but for etags,
    provisioning states and our tags; those are there while it is out, and gone after."""
    chosen = tuple(f"lb/{name}" for name in names.split())
    stand = NicStand(served, azure_nic_pool.KIND, pools=chosen)
    before = served.emulator.resource(nic("vm1"))
    layer = stand.connect()
    was = layer.membership()
    assert len(was.taking_work) == 2 * len(chosen)
    to_the_end(stand, lambda: layer.isolate(was))
    out = served.emulator.resource(nic("vm1"))
    left = {one.pool.rpartition("/")[2] for one in references(out, BALANCER_POOLS)}
    assert left == {"first", "second", "third"} - set(names.split())
    assert any(name.startswith(OURS) for name in out["tags"])
    to_the_end(stand, lambda: layer.restore(was))
    after = served.emulator.resource(nic("vm1"))
    assert after["etag"] != before["etag"]
    assert plain(after) == plain(before)
    assert after["tags"] == before["tags"]
