"""Roles as lists of actions, and whether they allow one; wildcards and case as Azure's roles have them."""

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

_NETWORK = "Microsoft.Network"

DRAIN = (
    "Microsoft.Compute/virtualMachines/read",
    f"{_NETWORK}/networkInterfaces/read",
    f"{_NETWORK}/networkInterfaces/write",
    f"{_NETWORK}/loadBalancers/read",
    f"{_NETWORK}/loadBalancers/backendAddressPools/read",
    f"{_NETWORK}/loadBalancers/backendAddressPools/join/action",
    f"{_NETWORK}/loadBalancers/inboundNatRules/join/action",
    f"{_NETWORK}/virtualNetworks/subnets/join/action",
    f"{_NETWORK}/networkSecurityGroups/join/action",
    f"{_NETWORK}/publicIPAddresses/join/action",
    f"{_NETWORK}/applicationSecurityGroups/joinIpConfiguration/action",
    f"{_NETWORK}/applicationGateways/backendAddressPools/join/action",
    f"{_NETWORK}/locations/operations/read",
)
DRAIN_POOL = (
    f"{_NETWORK}/loadBalancers/backendAddressPools/write",
    f"{_NETWORK}/virtualNetworks/joinLoadBalancer/action",
)
DRAIN_GATEWAY = (
    f"{_NETWORK}/applicationGateways/read",
    f"{_NETWORK}/applicationGateways/write",
)
DOCTOR = (
    f"{_NETWORK}/virtualNetworks/read",
    f"{_NETWORK}/virtualNetworks/subnets/read",
    f"{_NETWORK}/natGateways/read",
    f"{_NETWORK}/publicIPAddresses/read",
    f"{_NETWORK}/routeTables/read",
    "Microsoft.Authorization/permissions/read",
)
ROLES: Mapping[str, tuple[str, ...]] = {
    "drain": DRAIN,
    "drain-pool": DRAIN_POOL,
    "drain-gateway": DRAIN_GATEWAY,
    "doctor": DOCTOR,
    "owner": ("*",),
}
DEFAULT = ("drain", "drain-pool", "drain-gateway", "doctor")


def allows(actions: Iterable[str], wanted: str) -> bool:
    return any(fnmatchcase(wanted.casefold(), action.casefold()) for action in actions)
