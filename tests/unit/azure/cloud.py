"""One VM with one interface in one pool, as the management API describes it."""

from __future__ import annotations

from typing import Any

from tests.unit.azure.memory import Cloud

Json = dict[str, Any]

GROUP = "/subscriptions/s/resourceGroups/g/providers"
VM = f"{GROUP}/Microsoft.Compute/virtualMachines/vm1"
NIC = f"{GROUP}/Microsoft.Network/networkInterfaces/vm1-nic"
BALANCER = f"{GROUP}/Microsoft.Network/loadBalancers/lb"
POOL = f"{BALANCER}/backendAddressPools/web"
FRONTEND = f"{BALANCER}/frontendIPConfigurations/public"
SUBNET = f"{GROUP}/Microsoft.Network/virtualNetworks/v/subnets/s"
PERMISSIONS = "/providers/Microsoft.Authorization/permissions"
SCOPES = (VM, NIC, BALANCER, POOL, SUBNET)


def cloud(*, nat: bool = True, probed: bool = True) -> Cloud:
    """`nat`: the subnet has a NAT gateway. `probed`: the rule has a probe."""
    resources = {VM: vm(), NIC: interface(), BALANCER: balancer(probed=probed), SUBNET: subnet(nat=nat)}
    resources[POOL] = {"id": POOL, "etag": 'W/"p"', "properties": {}}
    for scope in SCOPES:
        resources[f"{scope}{PERMISSIONS}"] = {"value": [{"actions": ["*"], "notActions": []}]}
    return Cloud(
        resources={each.lower(): resource for each, resource in resources.items()},
        document={"compute": {"resourceId": VM, "vmId": "ID-1", "name": "vm1"}},
    )


def vm() -> Json:
    return {"id": VM, "properties": {"networkProfile": {"networkInterfaces": [{"id": NIC}]}}}


def interface(*pools: str) -> Json:
    config = {
        "privateIPAddress": "10.0.0.4",
        "primary": True,
        "subnet": {"id": SUBNET},
        "loadBalancerBackendAddressPools": [{"id": pool} for pool in pools or (POOL,)],
    }
    return {
        "id": NIC,
        "etag": 'W/"n"',
        "tags": {"team": "web"},
        "properties": {"primary": True, "ipConfigurations": [{"name": "ipconfig1", "properties": config}]},
    }


def balancer(*, probed: bool = True) -> Json:
    rule: Json = {
        "frontendIPConfiguration": {"id": FRONTEND},
        "backendAddressPool": {"id": POOL},
        "protocol": "Tcp",
    }
    if probed:
        rule["probe"] = {"id": f"{BALANCER}/probes/http"}
    frontend = {"id": FRONTEND, "properties": {"publicIPAddress": {"id": "/pip"}}}
    return {
        "id": BALANCER,
        "properties": {
            "frontendIPConfigurations": [frontend],
            "backendAddressPools": [{"id": POOL, "properties": {"backendIPConfigurations": []}}],
            "loadBalancingRules": [{"name": "http", "properties": rule}],
        },
    }


def subnet(*, nat: bool) -> Json:
    properties: Json = {"defaultOutboundAccess": False}
    if nat:
        properties["natGateway"] = {"id": "/nat"}
    return {"id": SUBNET, "properties": properties}
