"""What an owner mark on an interface calls for: the commands for a person, the body for a program. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from drainer.azure import mark
from drainer.azure.ids import key, parent
from drainer.azure.interface import BALANCER_POOLS, GATEWAY_POOLS, Reference, references, with_references
from drainer.azure.undo import rejoin
from drainer.management import Json

GATEWAYS = "/applicationgateways/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stranded:
    """An interface that carries our mark. `owner` None: the mark is there and cannot be read."""

    interface: Json
    owner: mark.OwnerMark | None

    @property
    def id(self) -> str:
        return str(self.interface.get("id", ""))

    @property
    def owed(self) -> tuple[Reference, ...]:
        """What was taken and is not there now."""
        taken = self.owner.taken if self.owner else ()
        there = {
            reference.key
            for name in (BALANCER_POOLS, GATEWAY_POOLS)
            for reference in references(self.interface, name)
        }
        return tuple(reference for reference in taken if reference.key not in there)


def stranded(interface: Json, *, vm_id: str = "") -> Stranded | None:
    """None where the interface has no mark of ours, or another VM's than `vm_id` where that is given."""
    if not mark.is_marked(interface):
        return None
    found = Stranded(interface=interface, owner=mark.read(interface))
    if vm_id and (found.owner is None or found.owner.vm_id.casefold() != vm_id.casefold()):
        return None
    return found


def commands(found: Stranded) -> Iterator[str]:
    """The exact commands, in order: back into the pools, then the mark off."""
    if found.owed:
        yield rejoin(found.id, found.owed)
    elif found.owner is None and (told := mark.undo_of(found.interface)):
        yield told
    tags = [name for name in found.interface.get("tags") or {} if name.startswith((mark.OUT, mark.UNDO))]
    removed = " ".join(f"tags.{name}" for name in sorted(tags))
    yield f"az network nic update --ids {shlex.quote(found.id)} --remove {removed}"


def gone(found: Stranded, balancers: dict[str, Json | None]) -> tuple[Reference, ...]:
    """What cannot come back, as its pool or balancer is no longer there. `balancers` by key; None: gone."""
    return tuple(reference for reference in found.owed if not _exists(reference, balancers))


def restored(found: Stranded, without: tuple[Reference, ...] = ()) -> Json:
    """The interface with everything back that the mark records but `without`, and no mark."""
    back = [reference for reference in found.owed if reference not in without]
    body = found.interface
    for name in (BALANCER_POOLS, GATEWAY_POOLS):
        kind = [each for each in back if (GATEWAYS in key(each.pool)) is (name == GATEWAY_POOLS)]
        body = with_references(body, kind, name) if kind else body
    return mark.unmarked(body)


def _exists(reference: Reference, balancers: dict[str, Json | None]) -> bool:
    owner = balancers.get(key(parent(reference.pool)), {})
    if owner is None:
        return False
    listed = owner.get("properties", {}).get("backendAddressPools")
    if not isinstance(listed, list):
        return True  # it could not be read: let the write tell
    return any(key(str(each.get("id", ""))) == key(reference.pool) for each in listed)
