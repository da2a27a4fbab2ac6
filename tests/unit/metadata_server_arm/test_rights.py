"""Rights, throttling, scale sets and the way out: who is answered, and who is not."""

import json

import pytest

from metadata_server.arm.ids import collection, parse
from metadata_server.arm.references import links
from metadata_server.arm.refusal import Refusal
from metadata_server.arm.roles import DOCTOR, DRAIN, allows
from metadata_server.arm.throttle import READS, WRITES, Throttle
from metadata_server.topology import Address, Member, Orchestration, Outbound, Pool, Vm
from tests.unit.metadata_server_arm.rig import FREE, NET, NOON, POOL, VMS, WEB, Rig, code, nic, pool

GATE = f"{NET}/applicationGateways/gateway"


@pytest.mark.parametrize("action", [action for action in DRAIN if action.endswith("join/action")])
def test_each_join_is_needed_where_it_is_used(action: str) -> None:
    """Without one of the rights to join, a body with such a link is refused and names right and link."""
    rig = Rig(roles={"vm1": ("drain",)})
    body = rig.get(nic())
    properties = body["properties"]["ipConfigurations"][0]["properties"]
    properties["publicIPAddress"] = {"id": f"{NET}/publicIPAddresses/lb"}
    properties["loadBalancerInboundNatRules"] = [{"id": f"{NET}/loadBalancers/lb/inboundNatRules/ssh"}]
    properties["applicationGatewayBackendAddressPools"] = [{"id": f"{GATE}/backendAddressPools/front"}]
    rig.service.assign("vm1", ("drain",), without=(action,))
    reply = rig.ask("PUT", nic(), body, vm="vm1")
    assert (reply.status, code(reply)) == (403, "LinkedAuthorizationFailed")
    assert f"'{action}' on the linked scope(s)" in json.loads(reply.body)["error"]["message"]


def test_the_documented_role_is_enough() -> None:
    """With the role drain alone a VM finds itself, and takes its interface out and back."""
    rig = Rig(roles={"vm1": ("drain",)}, switches="operations-read=needed")
    assert rig.get(VMS[0].resource_id, vm="vm1")["properties"]["networkProfile"]["networkInterfaces"]
    inside = rig.get(nic(), vm="vm1")
    for body in (rig.outside(), inside):
        reply = rig.ask("PUT", nic(), body, vm="vm1")
        assert reply.status == 200
        assert rig.ask("GET", reply.headers["Azure-AsyncOperation"], vm="vm1").status == 200


@pytest.mark.parametrize(
    ("method", "path", "role"),
    [
        ("PUT", f"{POOL}/addresses", "drain-pool"),
        ("GET", f"{NET}/virtualNetworks/vnet", "doctor"),
        ("GET", f"{NET}/virtualNetworks/vnet/subnets/subnet", "doctor"),
        ("GET", f"{NET}/natGateways/nat", "doctor"),
        ("GET", f"{nic()}/providers/Microsoft.Authorization/permissions", "doctor"),
    ],
)
def test_what_drain_may_not(method: str, path: str, role: str) -> None:
    """Pools are written and networks are read by the roles for that, and not by drain alone."""
    rig = Rig(roles={"vm1": ("drain",)})
    body = rig.get(path) if method == "PUT" else None
    assert code(rig.ask(method, path, body, vm="vm1")) == "AuthorizationFailed"
    rig.service.assign("vm1", ("drain", role))
    assert rig.ask(method, path, body, vm="vm1").status == 200


def test_roles_of_the_topology() -> None:
    """A role that the topology defines has its actions, wildcards too; single actions go out of it."""
    rig = Rig(roles={"vm1": ("reader",)}, custom_roles={"reader": ("*/read",)})
    assert rig.ask("GET", WEB, vm="vm1").status == 200
    assert rig.ask("PUT", nic(), rig.get(nic()), vm="vm1").status == 403
    rig.service.assign("vm1", ("reader",), without=("Microsoft.Network/loadBalancers/*",))
    assert rig.ask("GET", WEB, vm="vm1").status == 403
    [granted] = rig.get(f"{WEB}/providers/Microsoft.Authorization/permissions", vm="vm1")["value"]
    assert granted == {"actions": ["*/read"], "notActions": ["Microsoft.Network/loadBalancers/*"]}


def test_assignments_lead_to_definitions() -> None:
    """Each assignment names a definition that lists the role's actions."""
    rig = Rig(roles={"vm1": ("drain", "reader")}, custom_roles={"reader": ("*/read",)})
    assignments = rig.get(f"{WEB}/providers/Microsoft.Authorization/roleAssignments", vm="vm1")["value"]
    definitions = rig.get(f"{WEB}/providers/Microsoft.Authorization/roleDefinitions", vm="vm1")["value"]
    assert [each["properties"]["roleDefinitionId"] for each in assignments] == [
        each["id"] for each in definitions
    ]
    assert definitions[0]["properties"]["permissions"] == [{"actions": list(DRAIN), "notActions": []}]


def test_roles_do_not_overlap() -> None:
    """What the doctor reads is no right of drain's, and the doctor writes nothing."""
    assert not set(DRAIN) & set(DOCTOR)
    assert all(action.endswith("/read") for action in DOCTOR)


@pytest.mark.parametrize(
    ("action", "wanted", "expected"),
    [
        ("*", "Microsoft.Network/networkInterfaces/write", True),
        ("microsoft.network/NETWORKINTERFACES/write", "Microsoft.Network/networkInterfaces/write", True),
        ("Microsoft.Network/*/read", "Microsoft.Network/loadBalancers/backendAddressPools/read", True),
        ("Microsoft.Network/*/read", "Microsoft.Network/loadBalancers/write", False),
    ],
)
def test_wildcards(action: str, wanted: str, *, expected: bool) -> None:
    """Actions are matched in any case, a star stands for any text."""
    assert allows([action], wanted) is expected


@pytest.mark.parametrize(("writes", "limit"), [(False, READS), (True, WRITES)])
def test_buckets(*, writes: bool, limit: object) -> None:
    """A burst is taken at once, then a refill each second; another principal has its own."""
    throttle = Throttle()
    burst, refill = (200, 10) if writes else (250, 25)
    assert [throttle.take("one", writes=writes, now=NOON) for _ in range(burst)][-1] == 0
    with pytest.raises(Refusal, match="SubscriptionRequestsThrottled"):
        throttle.take("one", writes=writes, now=NOON)
    assert throttle.take("two", writes=writes, now=NOON) == burst - 1
    assert throttle.take("one", writes=not writes, now=NOON) > 0
    later = NOON.replace(second=1)
    assert [throttle.take("one", writes=writes, now=later) for _ in range(refill)][-1] == 0
    with pytest.raises(Refusal):
        throttle.take("one", writes=writes, now=later)
    assert throttle.take("one", writes=writes, now=NOON.replace(hour=13)) == burst - 1
    assert limit == (WRITES if writes else READS)


def test_throttling_off() -> None:
    """With the switch there is no bucket, and no header about one."""
    rig = Rig(switches="arm-throttling=off")
    replies = [rig.ask("GET", nic()) for _ in range(300)]
    assert {reply.status for reply in replies} == {200}
    assert replies[-1].headers == {}


def test_an_instance_of_a_uniform_scale_set() -> None:
    """Its interface stands below the instance and is read; a write is refused."""
    vms = (
        Vm(name="web3", address=FREE, scale_set="web", orchestration=Orchestration.UNIFORM),
        Vm(name="flex1", address=FREE, scale_set="flex"),
    )
    rig = Rig(pool_of(vms), vms=vms)
    instance = f"{vms[0].group}/Microsoft.Compute/virtualMachineScaleSets/web/virtualMachines/3"
    assert vms[0].resource_id == instance
    interface = f"{instance}/networkInterfaces/web3-nic"
    body = rig.get(interface)
    assert body["properties"]["virtualMachine"]["id"] == instance
    reply = rig.ask("PUT", interface, body)
    assert (reply.status, code(reply)) == (400, "OperationNotAllowedOnVMSSResource")
    assert rig.ask("PUT", nic("flex1"), rig.get(nic("flex1"))).status == 200
    scale_set = rig.get(vms[1].resource_id)["properties"]["virtualMachineScaleSet"]["id"]
    assert scale_set.endswith("/virtualMachineScaleSets/flex")


def pool_of(vms: tuple[Vm, ...]) -> Pool:
    return Pool(
        name="web",
        members=tuple(Member(vm=vm.name, address=Address(host="127.0.0.1", port=80)) for vm in vms),
    )


@pytest.mark.parametrize(
    ("outbound", "rules", "expected"),
    [
        ("nat", {"outbound_rule": False}, set()),
        ("none", {"outbound_rule": True}, {"vm1", "vm2"}),
        ("pool", {"outbound_rule": True}, set()),
        ("pool", {"outbound_rule": False}, set()),
        ("pool", {"outbound_rule": False, "inbound_rule": False}, {"vm1", "vm2"}),
    ],
)
def test_the_way_out(outbound: str, rules: dict[str, bool], expected: set[str]) -> None:
    """Who has no way out follows from the topology's way and the pools' rules."""
    assert Rig(pool("web", **rules), outbound=Outbound(outbound)).service.effects().cut_off == expected


@pytest.mark.parametrize(
    ("left", "expected"), [(["web"], set()), (["out"], {"vm1"}), (["web", "out"], {"vm1"})]
)
def test_a_pool_for_the_way_out_alone(left: list[str], expected: set[str]) -> None:
    """A VM that leaves the pool of the inbound rule keeps its way out through the other pool."""
    rig = Rig(
        pool("web"),
        pool("out", outbound_rule=True, inbound_rule=False),
        outbound=Outbound.POOL,
        switches="operation-time=0s propagation=0s",
    )
    body = rig.get(nic())
    properties = body["properties"]["ipConfigurations"][0]["properties"]
    properties["loadBalancerBackendAddressPools"] = [
        {"id": f"{POOL}/{name}"} for name in ("web", "out") if name not in left
    ]
    rig.ask("PUT", nic(), body)
    assert rig.service.effects().cut_off == expected


def test_balancer_as_the_topology_has_it() -> None:
    """Rules, probes and outbound rules are those of the pools."""
    rig = Rig(pool("web"), pool("out", outbound_rule=True, inbound_rule=False), pool("bare", probed=False))
    properties = rig.get(f"{NET}/loadBalancers/lb")["properties"]
    rules = {each["name"]: "probe" in each["properties"] for each in properties["loadBalancingRules"]}
    assert rules == {"web": True, "bare": False}
    assert [each["name"] for each in properties["outboundRules"]] == ["out-out"]


def test_resources_take_the_place_of_derived_ones() -> None:
    """A body that the topology brings stands instead of the derived one of that id, letter for letter."""
    body = {"name": "vm1-nic", "id": nic(), "properties": {"odd": [1, {"a": None}], "ipConfigurations": []}}
    rig = Rig(resources=(body,))
    found = rig.get(nic())
    assert found["properties"] == {**body["properties"], "provisioningState": "Succeeded"}  # type: ignore[dict-item]
    assert sorted(rig.service.effects().pools["web"]) == ["vm2"]


@pytest.mark.parametrize(
    ("text", "kind", "name"),
    [
        (nic(), "microsoft.network/networkinterfaces", "vm1-nic"),
        (WEB.upper(), "microsoft.network/loadbalancers/backendaddresspools", "WEB"),
    ],
)
def test_ids(text: str, kind: str, name: str) -> None:
    """An id is read in any case."""
    found = parse(text)
    assert found is not None
    assert (found.kind, found.name) == (kind, name)


@pytest.mark.parametrize("text", ["", "/", "/subscriptions/s", f"{NET}/networkInterfaces", f"{nic()}//x"])
def test_no_ids(text: str) -> None:
    """A collection, a group and an empty part are no ids."""
    assert parse(text) is None


@pytest.mark.parametrize("text", ["", "/subscriptions/s/resourceGroups/g", nic(), f"{NET}//x"])
def test_no_collections(text: str) -> None:
    """Neither is a resource a collection, nor what is below no provider."""
    assert collection(text) is None


def test_links_are_found_wherever_they_stand() -> None:
    """Links are found at any depth, with the right that each needs; null is none."""
    body = {
        "properties": {
            "networkSecurityGroup": {"id": "n"},
            "ipConfigurations": [{"properties": {"subnet": {"id": "s"}, "publicIPAddress": None}}],
        }
    }
    assert list(links(body)) == [
        ("Microsoft.Network/networkSecurityGroups/join/action", "n"),
        ("Microsoft.Network/virtualNetworks/subnets/join/action", "s"),
    ]
