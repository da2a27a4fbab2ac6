"""The api-version each kind of resource is asked in, pinned: sovereign clouds and stacks lag behind."""

from __future__ import annotations

VERSIONS = {
    "microsoft.network": "2024-05-01",
    "microsoft.compute": "2024-07-01",
    "microsoft.authorization": "2022-04-01",
}


def version_of(resource_id: str) -> str:
    """By the last provider in the id: a permission list hangs under a resource of another provider."""
    parts = resource_id.casefold().split("/providers/")
    return VERSIONS.get(parts[-1].split("/")[0], VERSIONS["microsoft.network"])
