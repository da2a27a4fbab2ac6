"""Which other resources a body names, and the right that each of these links needs.

A write is checked for every reference in its body, also for those that were there before; what it leaves out
is not checked (Azure Resource Manager, "LinkedAuthorizationFailed").
"""

from collections.abc import Iterator, Mapping
from typing import Any

_LINKS: Mapping[str, str] = {
    "loadBalancerBackendAddressPools": "Microsoft.Network/loadBalancers/backendAddressPools/join/action",
    "loadBalancerInboundNatRules": "Microsoft.Network/loadBalancers/inboundNatRules/join/action",
    "applicationGatewayBackendAddressPools": (
        "Microsoft.Network/applicationGateways/backendAddressPools/join/action"
    ),
    "applicationSecurityGroups": "Microsoft.Network/applicationSecurityGroups/joinIpConfiguration/action",
    "subnet": "Microsoft.Network/virtualNetworks/subnets/join/action",
    "networkSecurityGroup": "Microsoft.Network/networkSecurityGroups/join/action",
    "publicIPAddress": "Microsoft.Network/publicIPAddresses/join/action",
    "virtualNetwork": "Microsoft.Network/virtualNetworks/joinLoadBalancer/action",
}


def links(body: Any) -> Iterator[tuple[str, str]]:
    """Pairs of the right that is needed and the id that is linked."""
    match body:
        case dict():
            for name, value in body.items():
                if name in _LINKS:
                    yield from ((_LINKS[name], linked) for linked in _ids(value))
                else:
                    yield from links(value)
        case list():
            for each in body:
                yield from links(each)


def _ids(value: Any) -> Iterator[str]:
    for each in value if isinstance(value, list) else [value]:
        if isinstance(each, dict) and isinstance(each.get("id"), str):
            yield each["id"]
