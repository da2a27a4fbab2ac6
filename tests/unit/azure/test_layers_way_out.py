"""What the doctor says of the way out is what the layers do: they ask the same documents."""

from __future__ import annotations

from typing import Any

import pytest

from drainer.backends import azure_ip_pool, azure_nic_pool
from drainer.clock import ManualClock
from drainer.core.model import Done, Membership
from drainer.errors import Refused, Transient
from drainer.ports import Backend, Surroundings
from tests.unit.azure.cloud import BALANCER, FRONTEND, GROUP, NIC, POOL, SUBNET, cloud, interface
from tests.unit.azure.memory import Cloud
from tests.world import START

NETWORK = SUBNET.split("/subnets/")[0]
OTHER = f"{GROUP}/Microsoft.Network/loadBalancers/out"
EGRESS = f"{OTHER}/backendAddressPools/egress"


def test_a_layer_leaves_where_a_route_stays() -> None:
    """A default route to an appliance is followed into the route table."""
    here = cloud(nat=False)
    table = f"{SUBNET}/rt"
    here.resources[SUBNET.lower()]["properties"]["routeTable"] = {"id": table}
    route = {"properties": {"addressPrefix": "0.0.0.0/0", "nextHopType": "VirtualAppliance"}}
    here.resources[table.lower()] = {"id": table, "properties": {"routes": [route]}}
    assert _left(here)
    here.denied[table.lower()] = Refused("azure-forbidden", "routeTables/read")
    here.resources[NIC.lower()] = interface()
    assert not _left(here)


def test_a_layer_leaves_where_a_pool_of_another_balancer_stays() -> None:
    """A second pool for egress alone counts, also where the policy names only the first one."""
    here = cloud(nat=False)
    here.resources[NIC.lower()] = interface(POOL, EGRESS)
    rule = {"backendAddressPool": {"id": EGRESS}, "frontendIPConfigurations": [{"id": FRONTEND}]}
    here.resources[OTHER.lower()] = {
        "id": OTHER,
        "properties": {
            "frontendIPConfigurations": [{"id": FRONTEND, "properties": {"publicIPAddress": {"id": "/p"}}}],
            "outboundRules": [{"properties": rule}],
        },
    }
    assert _left(here, pools=("lb/web",))


@pytest.mark.parametrize("nat", [True, False])
def test_a_layer_stays_where_the_pool_is_the_only_way(nat: bool) -> None:
    """Without a gateway nothing is left, and nothing is written at all."""
    here = cloud(nat=nat)
    assert _left(here) is nat
    assert bool(here.writes) is nat


def test_a_subnet_that_cannot_be_read_is_not_left_for() -> None:
    """Unknown counts as locked out."""
    here = cloud()
    here.denied[SUBNET.lower()] = Refused("azure-forbidden", "subnets/read")
    assert not _left(here)


def test_a_pool_of_addresses_without_an_outbound_rule_is_left() -> None:
    """Its members keep the way that they have: leaving takes none."""
    here = cloud(nat=False)
    here.resources[NIC.lower()] = interface()
    here.resources[NIC.lower()]["properties"]["ipConfigurations"][0]["properties"][
        "loadBalancerBackendAddressPools"
    ] = []
    entry: dict[str, Any] = {"ipAddress": "10.0.0.4", "virtualNetwork": {"id": NETWORK}}
    listed = {"loadBalancerBackendAddresses": [{"name": "vm1", "properties": entry}]}
    here.resources[POOL.lower()] = {"id": POOL, "name": "web", "etag": 'W/"p"', "properties": listed}
    here.resources[BALANCER.lower()]["properties"]["backendAddressPools"] = [
        {"id": POOL, "properties": listed}
    ]
    layer = azure_ip_pool.build(azure_ip_pool.Options(pool="lb/web"), _around(here))
    assert _driven(layer)
    assert here.get(POOL)["properties"]["loadBalancerBackendAddresses"] == []


def _left(here: Cloud, *, pools: Any = None) -> bool:
    options = azure_nic_pool.Options(pools=pools) if pools else azure_nic_pool.Options()
    return _driven(azure_nic_pool.build(options, _around(here)))


def _around(here: Cloud) -> Surroundings:
    return Surroundings(clock=ManualClock(START), vm_name=lambda: "vm1", service_ports=(80,), arm=here)


def _driven(layer: Backend) -> bool:
    """Isolate to the end; False where the layer refuses to."""
    was: Membership | None = None
    for _ in range(50):
        try:
            was = was or layer.membership()
            if isinstance(layer.isolate(was), Done):
                return True
        except Transient:
            continue
        except Refused as error:
            if error.kind not in ("locked-out", "egress-unknown"):
                raise
            return False
    raise AssertionError("no end")
