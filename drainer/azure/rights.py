"""Whether a permissions answer allows an action: `actions` less `notActions`, with wildcards.

The answer is that of `GET {scope}/providers/Microsoft.Authorization/permissions`: one object for each
role that is assigned at the scope or above; an action is allowed where any of them allows it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from drainer.azure.roles import Need
from drainer.management import Json


def path(scope: str) -> str:
    """Where the permissions of a scope are read."""
    return f"{scope}/providers/Microsoft.Authorization/permissions"


def allows(answer: Json, action: str) -> bool:
    """Whether one of the roles in `answer` has `action` and does not exclude it."""
    listed = answer.get("value")
    roles = [role for role in listed if isinstance(role, dict)] if isinstance(listed, list) else []
    return any(
        _matches(role.get("actions"), action) and not _matches(role.get("notActions"), action)
        for role in roles
    )


def missing(answers: Mapping[str, Json], needs: Iterable[Need]) -> tuple[Need, ...]:
    """The needs that their scope's answer does not allow; a need whose scope was not read is left out."""
    return tuple(
        need for need in needs if need.scope in answers and not allows(answers[need.scope], need.action)
    )


def _matches(patterns: object, action: str) -> bool:
    """Actions compare without case; `*` stands for any run of characters (Azure role definitions)."""
    named = [each for each in patterns if isinstance(each, str)] if isinstance(patterns, list) else []
    return any(
        re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), action, re.IGNORECASE) for pattern in named
    )
