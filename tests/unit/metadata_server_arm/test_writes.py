"""Writes to the management API, on a manual clock: operations, etags, and when the network follows."""

import json
from typing import Any

import pytest

from metadata_server.arm.changes import Change
from metadata_server.effects import Admin
from metadata_server.topology import Address, Member, NatPorts, PoolKind
from tests.unit.metadata_server_arm.rig import NET, POOL, WEB, Rig, code, nic, pool, status


def test_from_operation_to_effect() -> None:
    """A write runs for operation-time, and the network follows propagation later, not before."""
    rig = Rig(switches="operation-time=4s propagation=3s")
    reply = rig.ask("PUT", nic(), rig.outside())
    seen = []
    for seconds in (0, 3.9, 4, 6.9, 7):
        rig.at(seconds)
        members = sorted(rig.service.effects().pools["web"])
        seen.append((status(rig, reply), rig.get(nic())["properties"]["provisioningState"], members))
    assert seen == [
        ("InProgress", "Updating", ["vm1", "vm2"]),
        ("InProgress", "Updating", ["vm1", "vm2"]),
        ("Succeeded", "Succeeded", ["vm1", "vm2"]),
        ("Succeeded", "Succeeded", ["vm1", "vm2"]),
        ("Succeeded", "Succeeded", ["vm2"]),
    ]


def test_a_state_that_runs_ahead() -> None:
    """With the switch, provisioningState says Succeeded while the operation still runs."""
    rig = Rig(switches="provisioning-state=ahead")
    reply = rig.ask("PUT", nic(), rig.outside())
    assert json.loads(reply.body)["properties"]["provisioningState"] == "Succeeded"
    assert status(rig, reply) == "InProgress"


def test_retry_after_is_told_while_it_runs() -> None:
    """The write and each poll of it name the time to come back; the last poll does not."""
    rig = Rig(switches="operation-retry-after=10s operation-time=1s")
    reply = rig.ask("PUT", nic(), rig.outside())
    address = reply.headers["Azure-AsyncOperation"]
    assert reply.headers["Retry-After"] == "10"
    assert rig.ask("GET", address).headers["Retry-After"] == "10"
    rig.at(1)
    assert "Retry-After" not in rig.ask("GET", address).headers


def test_every_write_renews_the_etag() -> None:
    """The etag is another one after each write, also after one that changes nothing."""
    rig = Rig()
    seen = {rig.get(nic())["etag"]}
    for _ in range(3):
        seen.add(json.loads(rig.ask("PUT", nic(), rig.get(nic())).body)["etag"])
    assert len(seen) == 4
    assert rig.get(nic())["etag"] in seen


def test_whoever_watches_is_told_of_each_write() -> None:
    """Who wrote, and the whole resource before and after, of a pool its balancer; a refused write is none."""
    rig, told = Rig(), list[Change]()
    rig.service.watchers.append(told.append)
    balancer = POOL.rpartition("/")[0]
    for vm, path, etag in (("vm1", nic(), "*"), ("vm1", nic(), "stale"), ("", f"{POOL}/addresses", "*")):
        rig.ask("PUT", path, rig.get(path), vm=vm, if_match=etag)
    assert [(each.vm, each.after["id"]) for each in told] == [("vm1", nic()), ("", balancer)]
    for each in told:
        assert each.before["etag"] != each.after["etag"]
        assert each.before["id"] == each.after["id"]
    assert told[-1].after == rig.get(balancer)


def test_of_a_new_resource_there_was_nothing_before() -> None:
    """Whoever watches a write that makes something sees that nothing was there."""
    rig, told = Rig(), list[Change]()
    rig.service.watchers.append(told.append)
    rig.ask("PUT", nic("other"), rig.get(nic()))
    [change] = told
    assert change.before == {}
    assert change.after["name"] == "other-nic"


@pytest.mark.parametrize("path", [nic(), f"{POOL}/addresses"], ids=["interface", "pool"])
def test_a_write_that_fails_renews_the_etag(path: str) -> None:
    """Whoever read before it began and writes after that has lost the race, of a pool too."""
    rig = Rig(switches="concurrent-write=409")
    read = rig.get(path)
    assert rig.ask("PUT", path, read, fails=True).status == 200
    assert rig.ask("PUT", path, read, if_match=read["etag"]).status == 412


def test_pools_have_etags_of_their_own() -> None:
    """A write of one pool leaves the etag of its sibling alone, and renews its own."""
    rig = Rig()
    before = (rig.get(WEB)["etag"], rig.get(f"{POOL}/addresses")["etag"])
    body = rig.get(f"{POOL}/addresses")
    assert rig.ask("PUT", f"{POOL}/addresses", body, if_match=before[1]).status == 200
    assert rig.get(WEB)["etag"] == before[0]
    assert rig.ask("PUT", f"{POOL}/addresses", body, if_match=before[1]).status == 412


@pytest.mark.parametrize("given", ["", "*"])
def test_no_condition(given: str) -> None:
    """Without If-Match, and with a star, the last writer wins."""
    rig = Rig()
    assert rig.ask("PUT", nic(), rig.outside(), if_match=given).status == 200


def test_what_is_left_out_is_gone() -> None:
    """A write replaces the whole: a tag that the body does not name is away, what the API computes stays."""
    rig = Rig()
    body = rig.get(nic())
    rig.ask("PUT", nic(), {**body, "tags": {"one": "1"}})
    bare = rig.get(nic())
    del bare["tags"], bare["properties"]["virtualMachine"], bare["properties"]["allowPort25Out"]
    rig.ask("PUT", nic(), bare)
    after = rig.get(nic())
    assert "tags" not in after
    assert "allowPort25Out" not in after["properties"]
    assert after["properties"]["virtualMachine"] == body["properties"]["virtualMachine"]


@pytest.mark.parametrize("gone", [None, []])
def test_no_pools_at_all(gone: Any) -> None:
    """A list of pools that is null or empty takes the interface out of every pool."""
    rig = Rig(switches="operation-time=0s propagation=0s")
    body = rig.get(nic())
    body["properties"]["ipConfigurations"][0]["properties"]["loadBalancerBackendAddressPools"] = gone
    assert rig.ask("PUT", nic(), body).status == 200
    assert sorted(rig.service.effects().pools["web"]) == ["vm2"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"{", "InvalidRequestContent"),
        ([], "InvalidRequestContent"),
        ({}, "InvalidRequestFormat"),
        ({"properties": None}, "InvalidRequestFormat"),
    ],
)
def test_bodies_that_are_none(body: Any, expected: str) -> None:
    """A body that is no resource is 400, and nothing is changed."""
    rig = Rig()
    before = rig.get(nic())
    reply = rig.ask("PUT", nic(), body)
    assert (reply.status, code(reply)) == (400, expected)
    assert rig.get(nic()) == before


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("PUT", f"{NET}/natGateways/nat", (400, "OperationNotSupported")),
        ("DELETE", nic(), (405, "MethodNotAllowed")),
        ("GET", f"{NET}/networkInterfaces/other", (404, "ResourceNotFound")),
        ("GET", "/subscriptions", (404, "ResourceNotFound")),
        ("GET", f"{POOL}/other", (404, "ResourceNotFound")),
        ("GET", f"{NET}/loadBalancers/other/backendAddressPools", (404, "ResourceNotFound")),
        ("GET", f"{NET}/locations/westeurope/operations/other", (403, "AuthorizationFailed")),
    ],
)
def test_what_there_is_not(method: str, path: str, expected: tuple[int, str]) -> None:
    """Other resources, collections, operations and methods are refused by name."""
    rig = Rig()
    reply = rig.ask(method, path, {"properties": {}} if method == "PUT" else None)
    assert (reply.status, code(reply)) == expected


def test_a_new_pool_is_created() -> None:
    """A pool of another name is 201, is there with its id, and is no member's yet."""
    rig = Rig()
    reply = rig.ask("PUT", f"{POOL}/more", {"properties": {}})
    assert reply.status == 201
    assert rig.get(f"{POOL}/more")["id"] == f"{POOL}/more"
    assert [each["name"] for each in rig.get(POOL)["value"]] == ["web", "addresses", "more"]


def test_a_new_interface_is_created() -> None:
    """An interface of another name is 201 and shows what was written."""
    rig = Rig()
    reply = rig.ask("PUT", nic("vm3"), {"location": "westeurope", "properties": {"ipConfigurations": []}})
    assert reply.status == 201
    assert rig.get(nic("vm3"))["type"] == "Microsoft.Network/networkInterfaces"
    assert len(rig.get(f"{NET}/networkInterfaces")["value"]) == 3


def test_a_failed_write_never_reaches_the_network() -> None:
    """A write that fails in the end leaves the resource and the network as they were."""
    rig = Rig(switches="operation-time=1s propagation=0s")
    before = rig.get(nic())["properties"]["ipConfigurations"]
    reply = rig.ask("PUT", nic(), rig.outside(), fails=True)
    assert status(rig, reply) == "InProgress"
    rig.at(10)
    assert status(rig, reply) == "Failed"
    after = rig.get(nic())["properties"]["ipConfigurations"]
    assert [each["id"] for each in after] == [each["id"] for each in before]
    assert sorted(rig.service.effects().pools["web"]) == ["vm1", "vm2"]


def test_the_later_of_two_writes_holds() -> None:
    """A write beside one that runs cancels that one's operation, and is what the network comes to."""
    rig = Rig(switches="operation-time=5s propagation=1s")
    inside = rig.get(nic())
    first = rig.ask("PUT", nic(), rig.outside())
    rig.at(2)
    second = rig.ask("PUT", nic(), inside)
    rig.at(20)
    assert (status(rig, first), status(rig, second)) == ("Canceled", "Succeeded")
    assert sorted(rig.service.effects().pools["web"]) == ["vm1", "vm2"]


def test_an_administrative_state_waits_for_its_write() -> None:
    """A state of a pool of interfaces is followed when its operation has ended, and comes back by name."""
    rig = Rig(switches="operation-time=4s propagation=1s")
    body = rig.get(WEB)
    body["properties"]["loadBalancerBackendAddresses"][0]["properties"]["adminState"] = "Down"
    rig.ask("PUT", WEB, body)
    assert rig.service.effects().pools["web"] == {"vm1": Admin.NONE, "vm2": Admin.NONE}
    rig.at(5)
    assert rig.service.effects().pools["web"] == {"vm1": Admin.DOWN, "vm2": Admin.NONE}


def test_a_strict_pool() -> None:
    """With the switch, a pool of interfaces refuses a write that changes anything beside the states."""
    body = Rig().get(WEB)
    changed = {**body, "properties": {**body["properties"], "drainPeriodInSeconds": 30}}
    rig = Rig()
    assert rig.ask("PUT", WEB, changed).status == 200
    strict = Rig(switches="pool-put-body=whole")
    reply = strict.ask("PUT", WEB, changed)
    assert (reply.status, code(reply)) == (400, "ModificationOfNICIpConfigBackendPoolNotSupported")
    assert strict.ask("PUT", WEB, strict.get(WEB)).status == 200


def test_a_pool_of_addresses_is_followed() -> None:
    """Members of a pool of addresses are the VMs with those addresses, each with its state; an address of
    nobody's changes nothing."""
    rig = Rig(switches="operation-time=0s propagation=0s")
    body = rig.get(f"{POOL}/addresses")
    [first, second] = body["properties"]["loadBalancerBackendAddresses"]
    first["properties"]["adminState"] = "Up"
    second["properties"]["ipAddress"] = "192.0.2.9"
    rig.ask("PUT", f"{POOL}/addresses", body)
    assert rig.service.effects().pools["addresses"] == {"vm1": Admin.UP}


def test_an_emptied_pool_of_addresses_takes_them_again() -> None:
    """A pool without members is of neither kind: the first list makes it one of addresses again."""
    rig = Rig(switches="operation-time=0s propagation=0s")
    whole = rig.get(f"{POOL}/addresses")
    del whole["properties"]["virtualNetwork"]
    empty = {**whole, "properties": {**whole["properties"], "loadBalancerBackendAddresses": []}}
    assert rig.ask("PUT", f"{POOL}/addresses", empty).status == 200
    assert rig.service.effects().pools["addresses"] == {}
    assert rig.ask("PUT", f"{POOL}/addresses", whole).status == 200
    assert sorted(rig.service.effects().pools["addresses"]) == ["vm1", "vm2"]


def test_addresses_of_a_gateway() -> None:
    """A gateway's pool of addresses is followed as the whole gateway is written."""
    front = pool("front", kind=PoolKind.GATEWAY, by_address=True)
    rig = Rig(front, switches="operation-time=0s propagation=0s")
    assert sorted(rig.service.effects().pools["front"]) == ["vm1", "vm2"]
    body = rig.get(f"{NET}/applicationGateways/gateway")
    del body["properties"]["backendAddressPools"][0]["properties"]["backendAddresses"][0]
    assert rig.ask("PUT", f"{NET}/applicationGateways/gateway", body).status == 200
    assert sorted(rig.service.effects().pools["front"]) == ["vm2"]


def test_members_need_not_be_everybody() -> None:
    """A VM that is no member of a pool does not name it, and the effects do not have it there."""
    lone = Member(vm="vm2", address=Address(host="127.0.0.12", port=80))
    rig = Rig(pool("web"), type(pool("few"))(name="few", members=(lone,)))
    assert sorted(rig.service.effects().pools["few"]) == ["vm2"]


@pytest.mark.parametrize(("again", "expected"), [("same", 5000), ("new", 5002)])
def test_the_port_of_a_member_that_returns(again: str, expected: int) -> None:
    """Each member has a port of the NAT rule over its pool; out and back it has the same, or another, as the
    switch says; its sibling keeps its own."""
    ports = NatPorts(first=5000, last=5002, backend=22)
    rig = Rig(pool("web", nat=ports), switches=f"nat-port={again}")
    assert mapped(rig) == {"vm1": 5000, "vm2": 5001}
    inside = rig.get(nic())
    rig.ask("PUT", nic(), rig.outside())
    assert mapped(rig) == {"vm2": 5001}
    rig.ask("PUT", nic(), inside)
    assert mapped(rig) == {"vm1": expected, "vm2": 5001}
    [rule] = rig.get(f"{NET}/loadBalancers/lb")["properties"]["inboundNatRules"]
    assert rule["properties"]["frontendPortRangeEnd"] == 5002


def test_a_span_that_is_used_up() -> None:
    """Where there are fewer ports than members, the last has none."""
    rig = Rig(pool("web", nat=NatPorts(first=5000, last=5000, backend=22)))
    assert mapped(rig) == {"vm1": 5000}


def mapped(rig: Rig) -> dict[str, int]:
    """The frontend ports by VM, as the pool shows them."""
    listed = rig.get(WEB)["properties"]["loadBalancerBackendAddresses"]
    return {
        each["name"].rpartition("_")[2].partition("-")[0]: mapping["frontendPort"]
        for each in listed
        for mapping in each["properties"]["inboundNatRulesPortMapping"]
    }


@pytest.mark.parametrize("by_operator", [True, False])
def test_a_write_of_a_balancer_renews_the_etags_of_its_pools(by_operator: bool) -> None:
    """Who read a pool before its balancer was written does not write over what came with that."""
    rig = Rig()
    addresses = f"{POOL}/addresses"
    read, whole = rig.get(addresses), rig.get(f"{NET}/loadBalancers/lb")
    if by_operator:
        rig.service.put_past(whole)
    else:
        assert rig.ask("PUT", f"{NET}/loadBalancers/lb", whole).status == 200
    rig.at(10)
    assert rig.ask("PUT", addresses, read, if_match=read["etag"]).status == 412
    assert rig.get(addresses)["etag"] != read["etag"]
