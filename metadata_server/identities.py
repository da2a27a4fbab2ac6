"""The managed identities of a VM: its own, and those that were made apart and assigned to it. Values only."""

from dataclasses import dataclass

from metadata_server.tokens import Principal, guid, principal_of
from metadata_server.topology import SYSTEM, Vm


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """`resource_id` names an identity made apart; of a VM's own one it is the VM's."""

    name: str
    principal: Principal
    resource_id: str


def identities(vm: Vm) -> tuple[Identity, ...]:
    """The identities assigned to `vm`, in the order of the topology."""
    return tuple(_system(vm) if name == SYSTEM else _user(vm, name) for name in vm.identities)


def _system(vm: Vm) -> Identity:
    resource_id = f"{_group(vm)}/Microsoft.Compute/virtualMachines/{vm.name}"
    return Identity(name=SYSTEM, principal=principal_of(vm.name), resource_id=resource_id)


def _user(vm: Vm, name: str) -> Identity:
    resource_id = f"{_group(vm)}/Microsoft.ManagedIdentity/userAssignedIdentities/{name}"
    principal = Principal(
        object_id=guid(f"{resource_id} object"), client_id=guid(f"{resource_id} client"), vm=vm.name
    )
    return Identity(name=name, principal=principal, resource_id=resource_id)


def _group(vm: Vm) -> str:
    return f"/subscriptions/{vm.subscription}/resourceGroups/{vm.resource_group}/providers"
