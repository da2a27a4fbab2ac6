"""What Microsoft.Authorization tells of a scope: permissions, role assignments and role definitions.

Roles are not bound to scopes here: what somebody has, holds everywhere.
"""

import uuid

from metadata_server.arm.refusal import Reply, json_reply
from metadata_server.arm.rights import Granted, Rights
from metadata_server.tokens import Principal

PROVIDER = "/providers/microsoft.authorization/"
_NAMES = uuid.UUID("f36d3a8b-8f0e-4d0b-9b5e-8a0c2d1b6f10")
_KINDS = {kind.casefold(): kind for kind in ("permissions", "roleAssignments", "roleDefinitions")}


def asked(path: str) -> tuple[str, str] | None:
    """The scope and the kind that a path lists; None if it lists nothing of the provider's."""
    scope, found, kind = path.casefold().rstrip("/").rpartition(PROVIDER)
    return (path[: len(scope)], _KINDS[kind]) if found and kind in _KINDS else None


def answer(scope: str, kind: str, rights: Rights, granted: Granted) -> Reply:
    """The list. Raises Refusal 403 without the right to read it."""
    granted.demand(f"Microsoft.Authorization/{kind}/read", scope)
    listed: list[dict[str, object]]
    match kind:
        case "permissions":
            listed = [{"actions": list(granted.actions), "notActions": list(granted.denied)}]
        case "roleAssignments":
            listed = [_assignment(scope, name, granted.who) for name in rights.names(granted.who)]
        case _:
            listed = [_definition(name, rights) for name in rights.names(granted.who)]
    return json_reply({"value": listed})


def _assignment(scope: str, role: str, who: Principal) -> dict[str, object]:
    name = str(uuid.uuid5(_NAMES, f"{scope} {role} {who.object_id}"))
    return {
        "id": f"{scope}{PROVIDER}roleAssignments/{name}",
        "type": "Microsoft.Authorization/roleAssignments",
        "name": name,
        "properties": {
            "roleDefinitionId": _definition_id(role),
            "principalId": who.object_id,
            "principalType": "ServicePrincipal",
            "scope": scope,
        },
    }


def _definition(role: str, rights: Rights) -> dict[str, object]:
    return {
        "id": _definition_id(role),
        "type": "Microsoft.Authorization/roleDefinitions",
        "name": _definition_id(role).rpartition("/")[2],
        "properties": {
            "roleName": role,
            "type": "CustomRole",
            "permissions": [{"actions": list(rights.role(role)), "notActions": []}],
        },
    }


def _definition_id(role: str) -> str:
    return f"{PROVIDER}roleDefinitions/{uuid.uuid5(_NAMES, role)}"
