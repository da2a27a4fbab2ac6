"""Azure's own network client, unmodified, against the management API: reads, writes and their operations."""

import http.client
import ssl
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.mgmt.network import NetworkManagementClient
from azure.mgmt.network.models import NetworkInterface

from metadata_server.testing import ServedEmulator
from tests.until import until
from tests.wire.metadata_server.azure_client import (
    GROUP,
    NET,
    OPERATOR,
    WEB,
    ask,
    client,
    nic,
    served,
    topology,
)


@pytest.fixture(scope="module")
def emulator() -> Iterator[ServedEmulator]:
    with served(topology()) as emulator:
        yield emulator


@pytest.fixture
def sdk(emulator: ServedEmulator) -> Iterator[NetworkManagementClient]:
    with client(emulator) as made:
        yield made


def without_pool(interface: NetworkInterface, pool: str = WEB) -> NetworkInterface:
    """The same interface outside the pool, changed in place as a read-modify-write does."""
    for configuration in interface["properties"]["ipConfigurations"]:
        properties = configuration["properties"]
        properties["loadBalancerBackendAddressPools"] = [
            each for each in properties["loadBalancerBackendAddressPools"] if each["id"] != pool
        ]
    return interface


def plain(interface: NetworkInterface) -> dict[str, Any]:
    """What is left of an interface when everything that a write renews is taken away."""
    body: dict[str, Any] = interface.as_dict()
    for part in (body, *body["properties"]["ipConfigurations"]):
        part.pop("etag")
    return body


def test_an_interface_leaves_and_returns(emulator: ServedEmulator, sdk: NetworkManagementClient) -> None:
    """Out of the pool and back, through operations polled to their end, leaves every member as it was, also
    those that no model knows."""
    before = sdk.network_interfaces.get(GROUP, "vm1-nic")
    put = sdk.network_interfaces.begin_create_or_update
    out = without_pool(sdk.network_interfaces.get(GROUP, "vm1-nic"))
    put(GROUP, "vm1-nic", out).result()
    members = emulator.resource(WEB)["properties"]["backendIPConfigurations"]
    assert members == [{"id": f"{nic('vm2')}/ipConfigurations/ipconfig1"}]
    after = put(GROUP, "vm1-nic", before).result()
    assert plain(after) == plain(before)
    assert before["properties"]["auxiliary"] == {"unpublished": [1, None, {"kept": "as it is"}]}
    assert after.etag != before.etag


def test_the_balancer_follows(emulator: ServedEmulator, sdk: NetworkManagementClient) -> None:
    """What a write changes in the pool is what the balancers are told once it has reached the network."""
    before = sdk.network_interfaces.get(GROUP, "vm2-nic")
    out = without_pool(sdk.network_interfaces.get(GROUP, "vm2-nic"))
    sdk.network_interfaces.begin_create_or_update(GROUP, "vm2-nic", out).result()
    until(lambda: "vm2" not in emulator.effects().pools["web"], "the pool without vm2")
    sdk.network_interfaces.begin_create_or_update(GROUP, "vm2-nic", before).result()
    until(lambda: "vm2" in emulator.effects().pools["web"], "the pool with vm2")


def test_a_write_is_an_operation(emulator: ServedEmulator) -> None:
    """A write answers 200 with a long address to ask, Retry-After, and an etag in the body alone."""
    emulator.control.give("switch", name="operation-time", value="1h")
    emulator.control.give("switch", name="operation-retry-after", value="10s")
    try:
        reply = ask(emulator, "PUT", nic("vm1"), vm="vm1", body=ask(emulator, "GET", nic("vm1")).json())
        address = reply.headers["Azure-AsyncOperation"]
        polled = ask(emulator, "GET", address, vm="vm1", params={})
    finally:
        emulator.control.give("switch", name="operation-time", value="50ms")
        emulator.control.give("switch", name="operation-retry-after", value="0s")
    assert (reply.status_code, reply.headers["Retry-After"]) == (200, "10")
    assert len(address) > 2900
    assert "ETag" not in reply.headers
    assert reply.json()["etag"].startswith('W/"')
    assert reply.json()["properties"]["provisioningState"] == "Updating"
    assert polled.json() == {"status": "InProgress"}
    assert reply.headers["x-ms-request-id"]


@pytest.mark.parametrize("change", [("&s=", "&s=0"), ("AAAA&", "AAAB&"), ("%7B", "{"), ("&t=", "&t=1")])
def test_an_operation_is_asked_as_it_was_told(emulator: ServedEmulator, change: tuple[str, str]) -> None:
    """The address of an operation is good only letter for letter."""
    body = ask(emulator, "GET", nic("vm1")).json()
    address = ask(emulator, "PUT", nic("vm1"), body=body).headers["Azure-AsyncOperation"]
    assert status_of(emulator, address) == 200
    assert change[0] in address
    assert status_of(emulator, address.replace(*change)) == 403


def status_of(emulator: ServedEmulator, address: str) -> int:
    """The status of an address that goes out exactly so."""
    parts = urlsplit(address)
    assert parts.hostname is not None
    trusting = ssl.create_default_context(cafile=emulator.authority)
    connection = http.client.HTTPSConnection(parts.hostname, parts.port, context=trusting, timeout=10)
    try:
        connection.putrequest("GET", f"{parts.path}?{parts.query}", skip_accept_encoding=True)
        connection.putheader("Authorization", f"Bearer {emulator.token(OPERATOR)}")
        connection.endheaders()
        return connection.getresponse().status
    finally:
        connection.close()


def test_a_wrong_etag_is_refused(sdk: NetworkManagementClient) -> None:
    """If-Match with another etag is 412, with the documented details; with the right one it is done."""
    found = sdk.network_interfaces.get(GROUP, "vm1-nic")
    put = sdk.network_interfaces.begin_create_or_update
    with pytest.raises(HttpResponseError) as caught:
        put(GROUP, "vm1-nic", found, headers={"If-Match": 'W/"0"'})
    assert caught.value.status_code == 412
    assert caught.value.error is not None
    assert [each.code for each in caught.value.error.details] == ["PreconditionFailedEtagMismatch"]
    put(GROUP, "vm1-nic", found, headers={"If-Match": found.etag}).result()


def test_an_address_pool_is_written_whole(emulator: ServedEmulator, sdk: NetworkManagementClient) -> None:
    """The list of a pool of addresses is what was last written; unknown members survive; the balancer
    follows the addresses that are left."""
    pools = sdk.load_balancer_backend_address_pools
    before = pools.get(GROUP, "lb", "addresses")
    fewer = pools.get(GROUP, "lb", "addresses")
    fewer["properties"]["loadBalancerBackendAddresses"] = before["properties"][
        "loadBalancerBackendAddresses"
    ][1:]
    pools.begin_create_or_update(GROUP, "lb", "addresses", fewer).result()
    until(lambda: [*emulator.effects().pools["addresses"]] == ["vm2"], "vm2 alone")
    pools.begin_create_or_update(GROUP, "lb", "addresses", before).result()
    until(lambda: [*emulator.effects().pools["addresses"]] == ["vm1", "vm2"], "both")
    after = pools.get(GROUP, "lb", "addresses")
    assert after["properties"] == before["properties"]
    assert after["properties"]["loadBalancerBackendAddresses"][0]["properties"]["unpublished"] == {
        "kept": "vm1"
    }


def test_a_gateway_is_written_whole(sdk: NetworkManagementClient) -> None:
    """An application gateway has one write, of everything."""
    found = sdk.application_gateways.get(GROUP, "gateway")
    after = sdk.application_gateways.begin_create_or_update(GROUP, "gateway", found).result()
    assert after["properties"] == found["properties"]


def test_what_stands_around(sdk: NetworkManagementClient) -> None:
    """Networks, subnets, NAT gateways, public addresses and lists of resources are read with the SDK."""
    assert sdk.subnets.get(GROUP, "vnet", "subnet").nat_gateway.id == f"{NET}/natGateways/nat"
    assert sdk.nat_gateways.get(GROUP, "nat").name == "nat"
    assert sdk.public_ip_addresses.get(GROUP, "lb").name == "lb"
    assert sorted(str(each.name) for each in sdk.network_interfaces.list(GROUP)) == ["vm1-nic", "vm2-nic"]
    assert sorted(str(each.name) for each in sdk.network_interfaces.list_all()) == ["vm1-nic", "vm2-nic"]
    pools = sdk.load_balancer_backend_address_pools.list(GROUP, "lb")
    assert sorted(str(each.name) for each in pools) == ["addresses", "web"]
    assert list(sdk.network_interfaces.list("elsewhere")) == []


def test_ids_are_read_in_any_case(sdk: NetworkManagementClient) -> None:
    """A resource is found whatever the case of its name and its group."""
    assert sdk.network_interfaces.get(GROUP.upper(), "VM1-NIC").name == "vm1-nic"


def test_a_resource_that_is_not_there(sdk: NetworkManagementClient) -> None:
    """Another name is 404 ResourceNotFound."""
    with pytest.raises(ResourceNotFoundError, match="ResourceNotFound"):
        sdk.network_interfaces.get(GROUP, "vm9-nic")
