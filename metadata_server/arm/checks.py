"""What a write must fulfil: the rights for its links, links that lead somewhere, and what pools refuse."""

from typing import Any

from metadata_server.arm.ids import ResourceId, action
from metadata_server.arm.references import links
from metadata_server.arm.refusal import Refusal
from metadata_server.arm.rights import Granted
from metadata_server.arm.shown import ADDRESSES, by_address
from metadata_server.arm.store import POOLS, Body, Store

KNOWN_KINDS = ("networkinterfaces", "loadbalancers", "virtualnetworks", "applicationgateways")


def linked(granted: Granted, wanted: ResourceId, body: Body, store: Store) -> None:
    """Rights first, for every link. Raises Refusal 403 LinkedAuthorizationFailed, or 400
    InvalidResourceReference."""
    who = granted.who
    found = list(links(body))
    for right, target in found:
        if not granted.allow(right):
            raise Refusal(
                403,
                "LinkedAuthorizationFailed",
                f"The client '{who.client_id}' with object id '{who.object_id}' has permission to perform "
                f"action '{action(wanted.kind, 'write')}' on scope '{wanted.text}'; however, it does not "
                f"have permission to perform action '{right}' on the linked scope(s) '{target}' or the "
                "linked scope(s) are invalid.",
            )
    for _, target in found:
        if any(kind in target.casefold() for kind in KNOWN_KINDS) and not store.knows(target):
            raise Refusal(
                400,
                "InvalidResourceReference",
                f"Resource {target} referenced by resource {wanted.text} was not found. Please make sure "
                "that the referenced resource exists, and that both resources are in the same region.",
            )


def not_uniform(wanted: ResourceId, shown: Body | None) -> None:
    """An interface of a uniform scale set is read here and written there. Raises Refusal 400.

    The platform's own code for it is unconfirmed.
    """
    machine = (shown or {}).get("properties", {}).get("virtualMachine") or {}
    if "virtualmachinescalesets" in (wanted.key + str(machine.get("id", ""))).casefold():
        raise Refusal(
            400,
            "OperationNotAllowedOnVMSSResource",
            "The interface belongs to a scale set of uniform orchestration and is written through it.",
        )


def pool_of_interfaces(shown: Body, body: Body, *, strict: bool) -> None:
    """A PUT on a pool of interfaces may change administrative states and nothing else of its members.

    Members cannot be changed here (Load Balancer, "Manage the administrative state"). `strict`: nor
    anything else. `body` has its read-only members already. Raises Refusal 400.
    """
    before, after = _members(shown), _members(body)
    if before != after or (strict and _rest(shown) != _rest(body)):
        raise Refusal(
            400,
            "ModificationOfNICIpConfigBackendPoolNotSupported",
            f"Adding or updating NIC based backend pool {shown.get('id')} is not supported through this "
            "request.",
        )


def is_pool_of_interfaces(wanted: ResourceId, shown: Body, body: Body) -> bool:
    """An empty pool is what the first list that is written to it makes of it."""
    if wanted.kind != POOLS or by_address(shown):
        return False
    return bool(shown.get("properties", {}).get("backendIPConfigurations")) or not by_address(body)


def _members(pool: Body) -> list[Body]:
    """The members as they are listed, without their administrative states."""
    listed = pool.get("properties", {}).get(ADDRESSES) or []
    return sorted((_without_state(each) for each in listed), key=lambda each: str(each.get("name")))


def _without_state(address: Body) -> Body:
    properties = address.get("properties") or {}
    return {**address, "properties": {k: v for k, v in properties.items() if k != "adminState"}}


def _rest(pool: Body) -> Any:
    """Everything but the members and the provisioning state."""
    properties = {
        name: value
        for name, value in pool.get("properties", {}).items()
        if name not in (ADDRESSES, "provisioningState")
    }
    return {"name": pool.get("name"), "properties": properties}
