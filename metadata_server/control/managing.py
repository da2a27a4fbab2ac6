"""What the controller can say about the management API: its faults, its roles, and writes past it."""

from collections.abc import Mapping
from typing import Any

from metadata_server.arm.faults import ArmFault, ArmFaultKind
from metadata_server.arm.refusal import Refusal
from metadata_server.arm.roles import ROLES
from metadata_server.arm.service import ArmService
from metadata_server.errors import Conflict, Problem, Unknown, bad_input
from metadata_server.world import World

Values = Mapping[str, Any]
Shown = dict[str, object]


def service_of(world: World) -> ArmService:
    """Raises Conflict where the topology has no management API."""
    if world.management is None:
        raise Conflict([Problem(field="management", expected="a topology with one", found="none")])
    return world.management


def fault(world: World, values: Values) -> Shown:
    """From now on the management API misbehaves so."""
    told = {"retry_after" if name == "retry" else name: value for name, value in values.items()}
    made = ArmFault(**told)
    if made.kind is ArmFaultKind.REDIRECT and not made.location:
        raise bad_input("location", expected="a value, because kind is redirect", found=None)
    if made.vm:
        world.vm(made.vm)
    service = service_of(world)
    service.faults.add(made)
    return {"faults": service.faults.shown()}


def mend(world: World, values: Values) -> Shown:
    """End every fault of the management API."""
    service_of(world).faults.mend()
    return {"faults": []}


def put(world: World, values: Values) -> Shown:
    """An operator's write, past roles and operations."""
    service = service_of(world)
    try:
        service.put_past(values["body"])
        return {"resource": service.resource(str(values["body"]["id"]))}
    except Refusal as refused:
        raise Unknown(
            [Problem(field="body", expected="a resource with its id", found=str(refused))]
        ) from None


def delete(world: World, values: Values) -> Shown:
    """An operator's deletion, of a resource or of a pool; references to it go too."""
    service_of(world).delete_past(values["resource"])
    return {"deleted": values["resource"]}


def assign(world: World, values: Values) -> Shown:
    """Give the VM's identities these roles, less single actions."""
    name = world.vm(values["vm"]).name
    known = {*ROLES, *(world.topology.management.custom_roles if world.topology.management else ())}
    unknown = [role for role in values["roles"] if role not in known]
    if unknown:
        raise Unknown(
            [Problem(field="roles", expected=f"of {', '.join(sorted(known))}", found=repr(unknown[0]))]
        )
    service_of(world).assign(name, values["roles"], without=values.get("without", ()))
    return {"vm": name, "roles": list(values["roles"]), "without": list(values.get("without", ()))}


def resources_view(world: World, resource_id: str) -> Shown:
    """Every resource, or one."""
    service = service_of(world)
    if not resource_id:
        return {"resources": service.everything()}
    try:
        return {"resource": service.resource(resource_id)}
    except Refusal as refused:
        raise Unknown(
            [Problem(field="id", expected="a resource that is there", found=str(refused))]
        ) from None


def faults_view(world: World) -> Shown:
    """Every fault in force, and how often each was met."""
    return {"faults": service_of(world).faults.shown()}


def requests_view(world: World) -> Shown:
    """What was asked, oldest first."""
    return {"requests": service_of(world).log.shown()}
