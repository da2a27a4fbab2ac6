"""Whose journal this is: a disk may be a copy of another VM's (a golden image), open episode and all."""

from __future__ import annotations

import json
from dataclasses import dataclass

from drainer.core.episode import Episode
from drainer.core.model import Vm
from drainer.core.naming import same_vm
from drainer.statedir import StateDirectory

IDENTITY = "vm.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """The VM that a journal speaks of; "" where it was not known."""

    id: str = ""
    name: str = ""

    def is_other_than(self, vm: Vm) -> bool:
        """Two ids decide; without both the names do; what is unknown is nobody else's."""
        if self.id and vm.id:
            return self.id.casefold() != vm.id.casefold()
        return bool(self.name and vm.name) and not same_vm(self.name, vm.name)

    def __str__(self) -> str:
        return self.name or self.id


def owner_of(directory: StateDirectory, episode: Episode | None) -> Owner:
    """By the open episode, else by the identity that an earlier life left."""
    if episode is not None and (episode.vm_id or episode.vm):
        return Owner(id=episode.vm_id, name=episode.vm)
    try:
        said = json.loads(directory.read(IDENTITY) or "{}")
        return Owner(id=str(said.get("id", "")), name=str(said.get("name", "")))
    except (ValueError, AttributeError, RecursionError):
        return Owner()


def leave_identity(directory: StateDirectory, vm: Vm) -> None:
    """Tell the next life whose directory this is."""
    directory.write(IDENTITY, json.dumps({"schema": 1, "id": vm.id, "name": vm.name}) + "\n")
