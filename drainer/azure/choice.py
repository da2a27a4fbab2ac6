"""Which pools a policy means, and of which kind."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from drainer.azure.ids import key, named, spelled


class Scope(Enum):
    """Which pools are meant, where none are named."""

    INBOUND = "inbound"  # every pool that this VM is in for inbound traffic, and for that alone


Pools = Scope | tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One kind of pool: the interface's list that names it, and how ids of it are spelled."""

    layer: str
    member: str
    provider: str

    def spelled(self, name: str, *, beside: str) -> str:
        """A policy's name for a pool as a full id, in the resource group of `beside`."""
        return spelled(name, beside=beside, provider=self.provider, child="backendAddressPools")


def means(pool: str, names: tuple[str, ...]) -> bool:
    """Whether a policy names this pool, as OWNER/POOL or by its id."""
    found = named(pool)
    short = found.short.casefold() if found else ""
    return any(key(name) == key(pool) or name.casefold() == short for name in names)


def check_pools(pools: Pools, *, kind: str) -> None:
    """Raises ValueError, as Options do, for what names no pool; `kind` is what a pool stands in."""
    if isinstance(pools, Scope):
        return
    if not pools:
        raise ValueError(f"pools: expected inbound, or a list of {kind}/POOL, got an empty list")
    for pool in pools:
        full = named(pool) is not None
        if not full and (pool.count("/") != 1 or not all(pool.split("/"))):
            raise ValueError(f"pools: expected {kind}/POOL or a full resource id, got {pool!r}")
