"""Whose journal this is, and whether this life may act on it.

A disk may be a copy of another VM's (a golden image), open episode and all.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from drainer.core.episode import Episode
from drainer.core.model import Vm
from drainer.core.naming import same_vm
from drainer.errors import Broken, Transient
from drainer.hostlock import HostLock
from drainer.log import Log
from drainer.ports import Clock
from drainer.statedir import StateDirectory
from drainer.stopped import EXIT_LOCKED, Stopped

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


class Claim(Enum):
    OURS = "ours"
    SET_ASIDE = "set aside"  # it was another VM's, and is to be begun anew
    REFUSED = "refused"  # it is another VM's, and stays in the way


class Ownership:
    """One life's claim to the journal. After a boot an open episode waits until the VM has said who it is."""

    def __init__(
        self,
        episode: Episode | None,
        *,
        clock: Clock,
        directory: StateDirectory,
        log: Log,
        alarm: Callable[[str, str], None],
    ) -> None:
        """`episode`: the one that this life found open. `alarm`: raises an alarm by kind and reason.

        Raises Stopped where it may be acted upon at once, and another daemon on this host serves its VM.
        """
        self.is_settled = False
        """Whether the VM has said who it is, and the journal is known to be its own."""
        self._doubted = episode is not None
        self._clock = clock
        self._directory = directory
        self._log = log
        self._alarm = alarm
        self._lock = HostLock()
        if episode is not None and self.may_act(episode):
            self._take_lock(Vm(id=episode.vm_id, name=episode.vm))

    def may_act(self, episode: Episode | None) -> bool:
        if self.is_settled or not self._doubted:
            return True
        return episode is not None and episode.opened.boot == self._clock.now().boot

    def claim(self, vm: Vm, episode: Episode | None) -> Claim:
        """Lock this VM on this host, and see whose journal it is.

        Raises Stopped, told in the log, where another daemon serves the VM.
        """
        self._take_lock(vm)
        owner = owner_of(self._directory, episode)
        if owner.is_other_than(vm) and not self._set_aside(owner, vm):
            self._doubted = True
            return Claim.REFUSED
        leave_identity(self._directory, vm)
        return Claim.SET_ASIDE if owner.is_other_than(vm) else Claim.OURS

    def release(self) -> None:
        self._lock.release()

    def _take_lock(self, vm: Vm) -> None:
        try:
            self._lock.take(vm.id or vm.name)
        except Transient as error:
            self._log.error("start.refused", kind=error.kind, reason=error.reason)
            raise Stopped(EXIT_LOCKED) from error
        except Broken as error:
            self._alarm("lock-unusable", f"{error.reason}; a second drainer is not kept away")

    def _set_aside(self, owner: Owner, vm: Vm) -> bool:
        foreign = f"the journal is of {owner}, this VM is {vm.name}"
        try:
            aside = self._directory.store.set_aside(f"of-{owner}")
        except Broken as error:
            self._alarm("journal-foreign", f"{foreign}, and it stays in the way: {error.reason}")
            return False
        self._log.error("journal.foreign", reason=f"{foreign}; kept as {aside}")
        self._alarm("journal-foreign", f"{foreign}; kept as {aside}")
        return True
