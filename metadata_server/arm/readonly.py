"""What a write does not change: the members that the API computes itself, and the order they stand in.

A client may leave such members out, as Azure's own does with all that its models mark read-only: the API
shows them all the same. Which they are stands in the published description of Microsoft.Network.
"""

from collections.abc import Mapping
from typing import Any

_EVERYWHERE = ("id", "name", "type", "etag")
_INTERFACE = (
    "appliedDnsServers",
    "defaultOutboundConnectivityEnabled",
    "dscpConfiguration",
    "hostedWorkloads",
    "internalDomainNameSuffix",
    "internalFqdn",
    "macAddress",
    "primary",
    "privateEndpoint",
    "privateLinkConnectionProperties",
    "provisioningState",
    "resourceGuid",
    "tapConfigurations",
    "virtualMachine",
    "virtualNetworkTapProvisioned",
    "vnetEncryptionSupported",
)
_BALANCER = (
    "backendIPConfigurations",
    "inboundNatRulesPortMapping",
    "networkInterfaceIPConfiguration",
    "provisioningState",
    "resourceGuid",
)
_POOL = (*_BALANCER, "inboundNatRules", "loadBalancingRules", "outboundRule", "outboundRules")
_GATEWAY = ("operationalState", "provisioningState", "resourceGuid")
_OF: Mapping[str, tuple[str, ...]] = {
    "microsoft.network/networkinterfaces": _INTERFACE,
    "microsoft.network/loadbalancers": _BALANCER,
    "microsoft.network/loadbalancers/backendaddresspools": _POOL,
    "microsoft.network/applicationgateways": _GATEWAY,
}


def written(kind: str, before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """The resource after a write of `after`: read-only members as they were, members in their old order."""
    kept: dict[str, Any] = _merged(before, after, frozenset((*_EVERYWHERE, *_OF.get(kind, ()))))
    own: dict[str, Any] = {name: before[name] for name in ("id", "name", "type") if name in before}
    return {**kept, **own}


def _merged(before: Any, after: Any, computed: frozenset[str]) -> Any:
    match before, after:
        case dict(), dict():
            old = {
                name: _merged(value, after[name], computed) if name in after else value
                for name, value in before.items()
                if name in after or name in computed
            }
            return {**old, **{name: value for name, value in after.items() if name not in old}}
        case list(), list():
            return [_merged(_same(before, each), each, computed) for each in after]
        case _:
            return after


def _same(listed: list[Any], wanted: Any) -> Any:
    """The entry of the same name, or of the same id where there is no name; None if there is none."""
    if not isinstance(wanted, dict):
        return None
    for key in ("name", "id"):
        if key in wanted:
            return next((one for one in listed if isinstance(one, dict) and _named(one, wanted, key)), None)
    return None


def _named(one: dict[str, Any], wanted: dict[str, Any], key: str) -> bool:
    return key in one and str(one[key]).casefold() == str(wanted[key]).casefold()
