"""Documents as the management API serves them, for tests."""

from __future__ import annotations

from drainer.management import Json

SUBSCRIPTION = "/subscriptions/00000000-0000-0000-0000-0000000000aa/resourceGroups/rg/providers"
NETWORK = f"{SUBSCRIPTION}/Microsoft.Network"
BALANCER = f"{NETWORK}/loadBalancers/lb"
SUBNET = f"{NETWORK}/virtualNetworks/vnet/subnets/default"


def pool_id(name: str, balancer: str = BALANCER) -> str:
    return f"{balancer}/backendAddressPools/{name}"


def vm_id(name: str) -> str:
    return f"{SUBSCRIPTION}/Microsoft.Compute/virtualMachines/{name}"


def nic_id(name: str) -> str:
    return f"{NETWORK}/networkInterfaces/{name}"


def instance(name: str) -> Json:
    return {"compute": {"vmId": f"id-of-{name}", "name": name, "resourceId": vm_id(name)}}


def vm(name: str, *nics: str) -> Json:
    listed = [{"id": nic_id(nic), "properties": {"primary": at == 0}} for at, nic in enumerate(nics)]
    return {"id": vm_id(name), "properties": {"networkProfile": {"networkInterfaces": listed}}}


def configuration(name: str, *pools: str, primary: bool = True, address: str = "10.0.0.4") -> Json:
    return {
        "name": name,
        "properties": {
            "primary": primary,
            "privateIPAddress": address,
            "subnet": {"id": SUBNET},
            "loadBalancerBackendAddressPools": [{"id": pool} for pool in pools],
        },
    }


def nic(name: str, *configurations: Json) -> Json:
    properties = {"provisioningState": "Succeeded", "ipConfigurations": list(configurations)}
    return {"id": nic_id(name), "name": name, "properties": properties}


def balancer(
    *inbound: str, outbound: tuple[str, ...] = (), others: tuple[str, ...] = (), snat: bool = False
) -> Json:
    """A public load balancer whose pools have a rule with a probe each; `snat`: these give a way out."""
    frontend = {"id": f"{BALANCER}/frontendIPConfigurations/front"}
    return {
        "id": BALANCER,
        "name": "lb",
        "properties": {
            "frontendIPConfigurations": [{**frontend, "properties": {"publicIPAddress": {"id": "ip"}}}],
            "backendAddressPools": [
                {"id": pool_id(name), "name": name, "properties": {}}
                for name in dict.fromkeys((*inbound, *outbound, *others))
            ],
            "loadBalancingRules": [
                {
                    "name": f"to-{name}",
                    "properties": {
                        "frontendIPConfiguration": frontend,
                        "backendAddressPool": {"id": pool_id(name)},
                        "disableOutboundSnat": not snat,
                        "probe": {"id": f"{BALANCER}/probes/p"},
                    },
                }
                for name in inbound
            ],
            "outboundRules": [
                {
                    "name": f"from-{name}",
                    "properties": {
                        "frontendIPConfigurations": [frontend],
                        "backendAddressPool": {"id": pool_id(name)},
                    },
                }
                for name in outbound
            ],
        },
    }


def subnet(*, gateway: bool = True) -> Json:
    properties: Json = {"natGateway": {"id": f"{NETWORK}/natGateways/nat"}} if gateway else {}
    return {"id": SUBNET, "properties": properties}


def address(name: str, ip: str, **properties: object) -> Json:
    """One element of a pool of addresses, with a member that no model knows."""
    network = {"id": f"{NETWORK}/virtualNetworks/vnet"}
    return {
        "name": name,
        "properties": {"ipAddress": ip, "virtualNetwork": network, "unknown": [name]} | properties,
    }


def address_pool(name: str, *addresses: Json) -> Json:
    return {
        "id": pool_id(name),
        "name": name,
        "etag": 'W/"1"',
        "properties": {"loadBalancerBackendAddresses": list(addresses), "unknown": {"kept": None}},
    }


def with_pool(document: Json, pool: Json) -> Json:
    """The load balancer with this pool in place of the one of its name."""
    kept = [each for each in document["properties"]["backendAddressPools"] if each["name"] != pool["name"]]
    properties = {**document["properties"], "backendAddressPools": [*kept, pool]}
    return {**document, "properties": properties}


def gateway(name: str, *addresses: str) -> Json:
    """An application gateway with one pool of addresses, `app`."""
    listed = [{"ipAddress": each} for each in addresses]
    here = f"{NETWORK}/applicationGateways/{name}"
    pool = {
        "id": f"{here}/backendAddressPools/app",
        "name": "app",
        "properties": {"backendAddresses": listed},
    }
    return {"id": here, "name": name, "properties": {"backendAddressPools": [pool], "unknown": 1}}
