"""Which documents mean that a VM could not come back."""

from __future__ import annotations

from typing import Any

import pytest

from drainer.azure.egress import CURES, LockedOut, Open, Unknown, Verdict, verdict

Json = dict[str, Any]

GROUP = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network"
BALANCER = f"{GROUP}/loadBalancers/lb"
WEB = f"{BALANCER}/backendAddressPools/web"
OUT = f"{BALANCER}/backendAddressPools/out"
NETWORK = f"{GROUP}/virtualNetworks/v"
SUBNET = f"{NETWORK}/subnets/s"
PUBLIC = f"{BALANCER}/frontendIPConfigurations/public"
INTERNAL = f"{BALANCER}/frontendIPConfigurations/internal"


def _routes(hop: str) -> Json:
    return {"properties": {"routes": [{"properties": {"addressPrefix": "0.0.0.0/0", "nextHopType": hop}}]}}


def test_a_vm_is_locked_out_where_its_pool_is_the_only_way_and_the_subnet_is_private() -> None:
    """The pool's own SNAT was the way out, and the subnet gives none: nothing stays, and cures are named."""
    found = asked()
    assert found == LockedOut(reason="the only way out is the pool lb/web, and the subnet is private")
    assert found.cures == CURES


def test_default_outbound_access_is_never_relied_on() -> None:
    """Where the subnet says nothing of default outbound access, nobody can tell: Unknown."""
    assert isinstance(asked(subnet={"properties": {}}), Unknown)


@pytest.mark.parametrize(
    ("subnet", "way"),
    [
        ({"natGateway": {"id": "x"}}, "NAT gateway"),
        ({"routeTable": _routes("VirtualAppliance")}, "by route, not checked"),
        ({"routeTable": _routes("VirtualNetworkGateway")}, "by route, not checked"),
    ],
)
def test_a_way_of_the_subnet_stays(subnet: Json, way: str) -> None:
    """A NAT gateway, or a default route to an appliance, stays when the pool is left."""
    found = asked(subnet={"properties": {"defaultOutboundAccess": False, **subnet}})
    assert isinstance(found, Open)
    assert way in found.reason


def test_a_route_that_drops_everything_beats_a_nat_gateway() -> None:
    """A default route with the next hop None leaves no way, whatever else the subnet has."""
    subnet = {"properties": {"natGateway": {"id": "x"}, "routeTable": _routes("None")}}
    assert isinstance(asked(subnet=subnet), LockedOut)


def test_an_unread_route_table_is_unknown() -> None:
    """A route table whose routes could not be read may or may not give a way."""
    found = asked(subnet={"properties": {"routeTable": {"id": "/rt"}}})
    assert isinstance(found, Unknown)
    assert "route" in found.reason


def test_a_public_address_on_the_interface_stays() -> None:
    """An instance-level public address gives a way by itself."""
    assert isinstance(asked(interface=nic(WEB, publicIPAddress={"id": "/pip"})), Open)


def test_a_second_pool_with_an_outbound_rule_stays() -> None:
    """The cure of a pool for egress alone works while that pool is not left, and not when it is."""
    rule = {
        "backendAddressPool": {"id": OUT},
        "frontendIPConfigurations": [{"id": PUBLIC}],
        "protocol": "All",
    }
    balancer = lb(rules=[snat(WEB)], outbound=[rule])
    assert isinstance(asked(interface=nic(WEB, OUT), balancer=balancer), Open)
    both = asked(interface=nic(WEB, OUT), balancer=balancer, leaving=frozenset({WEB.lower(), OUT.lower()}))
    assert isinstance(both, LockedOut)


@pytest.mark.parametrize(
    "rule",
    [
        {"disableOutboundSnat": True},
        {"protocol": "Udp"},
        {"frontendIPConfiguration": {"id": INTERNAL}},
    ],
)
def test_a_rule_that_gives_no_way_for_tcp_is_no_cure(rule: Json) -> None:
    """A remaining pool counts only by a rule for TCP with SNAT and a public frontend."""
    balancer = lb(rules=[snat(WEB), {**snat(OUT), **rule}])
    assert isinstance(asked(interface=nic(WEB, OUT), balancer=balancer), LockedOut)


def test_leaving_a_pool_that_gives_no_way_takes_none() -> None:
    """Behind an internal frontend the way in use now is another one, and it stays."""
    balancer = lb(rules=[{**snat(WEB), "frontendIPConfiguration": {"id": INTERNAL}}])
    found = asked(balancer=balancer)
    assert isinstance(found, Open)
    assert "stays" in found.reason


def test_what_could_not_be_read_is_unknown() -> None:
    """No balancer, or no subnet: Unknown, and the reason says which."""
    unread = verdict(nic(WEB), {}, {SUBNET: None}, leaving=frozenset({WEB.lower()}))
    assert unread == Unknown(reason="the load balancer of the pool lb/web could not be read")
    found = verdict(nic(WEB), {BALANCER: lb(rules=[snat(WEB)])}, {SUBNET: None}, leaving=frozenset({WEB}))
    assert found == Unknown(reason="the way out is the pool lb/web, and the subnet could not be read")


def test_a_pool_whose_balancer_was_not_given_is_unknown() -> None:
    """Also one that lists addresses, which the interface does not name: it may be the way out."""
    found = verdict(nic(), {}, {SUBNET: {"properties": {}}}, leaving=frozenset({WEB.lower()}))
    assert isinstance(found, Unknown)


def test_a_pool_by_address_gives_a_way_by_an_outbound_rule_only() -> None:
    """Leaving an IP-based pool keeps default outbound; with an outbound rule it is the way that goes."""
    entry = {"properties": {"ipAddress": "10.0.0.4", "virtualNetwork": {"id": NETWORK}}}
    pool = {"id": WEB, "properties": {"loadBalancerBackendAddresses": [entry]}}
    plain = lb(rules=[snat(WEB)], pools=[pool])
    assert isinstance(asked(interface=nic(), balancer=plain), Open)
    ruled = lb(rules=[], pools=[pool], outbound=[{**snat(WEB), "protocol": "All"}])
    assert isinstance(asked(interface=nic(), balancer=ruled), LockedOut)


def test_only_the_primary_interface_decides() -> None:
    """A secondary interface carries no default route: leaving its pools takes no way."""
    second = nic(WEB)
    second["properties"]["primary"] = False
    assert isinstance(asked(interface=second), Open)


def test_ids_compare_without_case() -> None:
    """Azure's ids come in any case; the verdict is the same."""
    found = verdict(
        nic(WEB.upper()),
        {BALANCER.upper(): lb(rules=[snat(WEB)])},
        {SUBNET.lower(): {"properties": {"defaultOutboundAccess": False}}},
        leaving=frozenset({WEB.title()}),
    )
    assert isinstance(found, LockedOut)


def test_no_primary_configuration_is_unknown() -> None:
    """Without a primary configuration nothing can be told."""
    empty: Json = {"properties": {"ipConfigurations": [{"properties": {}}, {"properties": {}}]}}
    assert isinstance(verdict(empty, {}, {}, leaving=frozenset()), Unknown)


def asked(
    *,
    interface: Json | None = None,
    balancer: Json | None = None,
    subnet: Json | None = None,
    leaving: frozenset[str] = frozenset({WEB.lower()}),
) -> Verdict:
    return verdict(
        nic(WEB) if interface is None else interface,
        {BALANCER: lb(rules=[snat(WEB)]) if balancer is None else balancer},
        {SUBNET: {"properties": {"defaultOutboundAccess": False}} if subnet is None else subnet},
        leaving=leaving,
    )


def nic(*pools: str, **properties: Json) -> Json:
    config = {
        "privateIPAddress": "10.0.0.4",
        "primary": True,
        "subnet": {"id": SUBNET},
        "loadBalancerBackendAddressPools": [{"id": pool} for pool in pools],
        **properties,
    }
    return {"properties": {"primary": True, "ipConfigurations": [{"name": "one", "properties": config}]}}


def lb(*, rules: list[Json], outbound: list[Json] | None = None, pools: list[Json] | None = None) -> Json:
    return {
        "id": BALANCER,
        "properties": {
            "frontendIPConfigurations": [
                {"id": PUBLIC, "properties": {"publicIPAddress": {"id": "/pip"}}},
                {"id": INTERNAL, "properties": {"subnet": {"id": SUBNET}}},
            ],
            "backendAddressPools": pools or [],
            "loadBalancingRules": [{"properties": rule} for rule in rules],
            "outboundRules": [{"properties": rule} for rule in outbound or []],
        },
    }


def snat(pool: str) -> Json:
    return {
        "backendAddressPool": {"id": pool},
        "frontendIPConfiguration": {"id": PUBLIC},
        "protocol": "Tcp",
        "disableOutboundSnat": False,
    }
