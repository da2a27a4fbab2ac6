"""What lies behind the stand-in provider: what a read finds of what Terraform wrote."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

CALLER = "00000000-0000-0000-0000-00000000ca11"
SIDECAR = "00000000-0000-0000-0000-0000000051de"
SUBSCRIPTION = "00000000-0000-0000-0000-000000000000"


def unchanged(type_name: str, state: Json) -> Json | None:
    """The world as it was left."""
    return state


@dataclass(slots=True)
class World:
    """What a read finds of a resource, by its type and what was written; None: it is gone."""

    finds: Callable[[str, Json], Json | None] = unchanged
