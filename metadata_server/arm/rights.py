"""Who may do what: the roles of each VM's identities, less single actions; an operator may do everything."""

from collections.abc import Mapping
from dataclasses import dataclass

from metadata_server.arm.refusal import Refusal
from metadata_server.arm.roles import DEFAULT, ROLES, allows
from metadata_server.tokens import Principal
from metadata_server.topology import Management, Vm


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """What somebody may do, as roles spell it: `actions` less `denied`, each with wildcards."""

    who: Principal
    actions: tuple[str, ...]
    denied: tuple[str, ...] = ()

    def allow(self, wanted: str) -> bool:
        return allows(self.actions, wanted) and not allows(self.denied, wanted)

    def demand(self, wanted: str, scope: str) -> None:
        """Raises Refusal 403 AuthorizationFailed."""
        if self.allow(wanted):
            return
        raise Refusal(
            403,
            "AuthorizationFailed",
            f"The client '{self.who.client_id}' with object id '{self.who.object_id}' does not have "
            f"authorization to perform action '{wanted}' over scope '{scope}' or the scope is invalid. If "
            "access was recently granted, please refresh your credentials.",
        )


class Rights:
    """The roles in force; `assign` changes them."""

    def __init__(self, vms: tuple[Vm, ...], management: Management) -> None:
        self._custom: Mapping[str, tuple[str, ...]] = management.custom_roles
        self._roles = {vm.name: management.roles.get(vm.name, DEFAULT) for vm in vms}
        self._denied: dict[str, tuple[str, ...]] = {}

    def assign(self, vm: str, names: tuple[str, ...], *, without: tuple[str, ...]) -> None:
        """Give a VM's identities these roles; `without`: single actions are taken out of them."""
        self._roles[vm] = names
        self._denied[vm] = without

    def of(self, who: Principal) -> Granted:
        """What this principal may do now."""
        if not who.vm:
            return Granted(who=who, actions=("*",))
        denied = self._denied.get(who.vm, ())
        named = {action.casefold() for action in denied}
        actions = (action for name in self.names(who) for action in self.role(name))
        left = tuple(action for action in actions if action.casefold() not in named)
        return Granted(who=who, actions=left, denied=denied)

    def names(self, who: Principal) -> tuple[str, ...]:
        """The roles of a VM's identities; an operator is an owner."""
        return self._roles.get(who.vm, ()) if who.vm else ("owner",)

    def role(self, name: str) -> tuple[str, ...]:
        """The actions of a role, the topology's or a built-in one."""
        return self._custom.get(name) or ROLES.get(name, ())
