"""Which VM this is in the management API, and which interfaces are its: found, never configured."""

from __future__ import annotations

from dataclasses import dataclass

from drainer.errors import Refused
from drainer.management import Arm, Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Myself:
    """`interfaces`: full ids, the primary one first. `vm_id` as the instance document has it."""

    vm_id: str
    resource_id: str
    interfaces: tuple[str, ...]


def myself(arm: Arm) -> Myself:
    """From the instance document to the VM, from the VM to its interfaces.

    Raises what Arm raises, and Refused "azure-uniform" for an instance whose interfaces are not written here.
    """
    instance = arm.instance()
    return known_as(instance, arm.get(resource_of(instance)))


def resource_of(instance: Json) -> str:
    """The VM's resource id. Raises Refused where it has none, or none that helps."""
    resource_id = str(instance.get("compute", {}).get("resourceId", ""))
    if not resource_id:
        raise Refused("azure-not-found", "the instance document names no resource id: is this an Azure VM?")
    if "/virtualmachinescalesets/" in resource_id.casefold():
        raise Refused("azure-uniform", UNIFORM)
    return resource_id


def known_as(instance: Json, vm: Json) -> Myself:
    """From the VM's own two documents."""
    return Myself(
        vm_id=str(instance.get("compute", {}).get("vmId", "")),
        resource_id=resource_of(instance),
        interfaces=_interfaces(vm),
    )


UNIFORM = (
    "this VM is an instance of a uniform scale set, whose interfaces the network API cannot write. "
    "Drain it by the balancer's probe: `backend: [health-probe: {…}]`"
)


def _interfaces(vm: Json) -> tuple[str, ...]:
    listed = vm.get("properties", {}).get("networkProfile", {}).get("networkInterfaces") or []
    ordered = sorted(listed, key=lambda each: not (each.get("properties") or {}).get("primary"))
    return tuple(str(each["id"]) for each in ordered if each.get("id"))
