"""Which of the SDK's operations reads or writes a resource, by its id."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from azure.mgmt.network import NetworkManagementClient

from drainer.errors import Refused
from drainer.management import Json
from drainer.transport.azure.sdk.polling import CappedPolling
from drainer.transport.azure.sdk.versions import version_of

Group = Callable[[NetworkManagementClient], Any]

GROUPS: Mapping[tuple[str, ...], Group] = {
    ("networkinterfaces",): lambda client: client.network_interfaces,
    ("loadbalancers",): lambda client: client.load_balancers,
    ("loadbalancers", "backendaddresspools"): lambda client: client.load_balancer_backend_address_pools,
    ("applicationgateways",): lambda client: client.application_gateways,
    ("virtualnetworks",): lambda client: client.virtual_networks,
    ("virtualnetworks", "subnets"): lambda client: client.subnets,
    ("natgateways",): lambda client: client.nat_gateways,
    ("publicipaddresses",): lambda client: client.public_ip_addresses,
    ("routetables",): lambda client: client.route_tables,
}


def read(client: NetworkManagementClient, resource_id: str) -> Json | None:
    """The resource as it came over the wire; None where the SDK has no operation for its kind."""
    found = _found(client, resource_id)
    if found is None or not hasattr(found[0], "get"):
        return None
    operations, group, names = found
    answer: Json = operations.get(group, *names, api_version=version_of(resource_id), cls=_raw)
    return answer


def begin(
    client: NetworkManagementClient,
    resource_id: str,
    body: Json,
    *,
    polling: CappedPolling,
    headers: Mapping[str, str],
) -> None:
    """Begin a write of the whole resource, body as it is. Raises Refused for a kind that is never written."""
    found = _found(client, resource_id)
    if found is None or not hasattr(found[0], "begin_create_or_update"):
        raise Refused("azure-rejected", f"no write is known for {resource_id}")
    operations, group, names = found
    operations.begin_create_or_update(
        group,
        *names,
        body,
        api_version=version_of(resource_id),
        headers=dict(headers),
        polling=polling,
    )


def _found(client: NetworkManagementClient, resource_id: str) -> tuple[Any, str, list[str]] | None:
    """The SDK's operations for it, its resource group, and its names, outermost first."""
    match resource_id.strip("/").split("/"):
        case [s, _, g, group, p, provider, *rest] if (
            (s.casefold(), g.casefold(), p.casefold()) == ("subscriptions", "resourcegroups", "providers")
            and provider.casefold() == "microsoft.network"
            and rest
            and len(rest) % 2 == 0
        ):
            kind = tuple(part.casefold() for part in rest[::2])
            chosen = GROUPS.get(kind)
            return None if chosen is None else (chosen(client), group, rest[1::2])
        case _:
            return None


def _raw(response: Any, deserialized: object, headers: object) -> Json:
    answer: Json = response.http_response.json()
    return answer
