"""The exact `az` commands by which a person undoes what was taken."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from drainer.azure.ids import named
from drainer.azure.interface import Reference

UNKNOWN = 'az network nic list --query "[?tags.\\"drainer-out-1\\"].id"  # then: drainer rescue --run'


def rejoin(interface_id: str, taken: Iterable[Reference]) -> str:
    """Put an interface's configurations back into their pools. One line."""
    commands = [_rejoin_one(interface_id, reference) for reference in taken]
    return " && ".join(commands) if commands else UNKNOWN


def state(pool_id: str, *, address: str, to: str) -> str:
    """Set one address's administrative state."""
    return _of_addresses(pool_id, "update", name=address, admin_state=to)


def readd(pool_id: str, *, name: str, address: str, network: str) -> str:
    """Put an address back into a pool of addresses."""
    return _of_addresses(pool_id, "add", name=name, ip_address=address, vnet=network)


def readd_to_gateway(pool_id: str, *, address: str) -> str:
    """Put an address back into an application gateway's pool of addresses."""
    found = named(pool_id)
    if found is None or len(found.names) != 2:
        return f"drainer restore  # {pool_id}"
    gateway, pool = found.names
    line = _line(
        "az network application-gateway address-pool update",
        subscription=found.subscription,
        resource_group=found.group,
        gateway_name=gateway,
        name=pool,
    )
    return f"{line} --add backendAddresses {shlex.quote(f'ipAddress={address}')}"


def _of_addresses(pool_id: str, verb: str, **options: str) -> str:
    """A verb for an address in a balancer's pool."""
    found = named(pool_id)
    if found is None or len(found.names) != 2:
        return f"drainer restore  # {pool_id}"
    balancer, pool = found.names
    return _line(
        f"az network lb address-pool address {verb}",
        subscription=found.subscription,
        resource_group=found.group,
        lb_name=balancer,
        pool_name=pool,
        **options,
    )


def _rejoin_one(interface_id: str, reference: Reference) -> str:
    nic, found = named(interface_id), named(reference.pool)
    if nic is None or found is None or len(found.names) != 2:
        return f"drainer restore  # {reference.pool}"
    outer, pool = found.names
    gateway = "applicationgateways" in found.kind
    owner = {"gateway_name": outer} if gateway else {"lb_name": outer}
    here = (found.subscription, found.group) == (nic.subscription, nic.group)
    whose = {**owner, "address_pool": pool} if here or gateway else {"address_pool": reference.pool}
    return _line(
        "az network nic ip-config address-pool add",
        subscription=nic.subscription,
        resource_group=nic.group,
        nic_name=nic.names[0],
        ip_config_name=reference.configuration,
        **whose,
    )


def _line(command: str, **options: str) -> str:
    told = (f"--{name.replace('_', '-')} {shlex.quote(value)}" for name, value in options.items())
    return " ".join((command, *told))
