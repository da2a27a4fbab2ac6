"""A journal that is lost while the VM is out: what the balancers' own marks still say of it.

Asked once, at a start whose journal knows of no episode, before anything is decided; without an answer in
time the VM stays as it is. It must not judge whether a mark is right, only whether it is this VM's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from drainer.core.model import Instant, Membership, Vm, elapsed
from drainer.errors import DrainerError
from drainer.ports import Backend, Clock, Mark, Marking

PATIENCE = timedelta(seconds=10)
"""So long a start without a journal waits for the balancers' marks."""


@dataclass(slots=True, kw_only=True)
class Search:
    """Looks for marks until each layer has said what it knows, or patience ends."""

    clock: Clock
    layers: tuple[Backend, ...]
    vm: Vm
    began: Instant | None = None
    found: dict[str, Mark | None] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)

    def look(self) -> bool:
        """Ask those that have not answered; whether the search is over."""
        self.began = self.began or self.clock.now()
        marking = [layer for layer in self.layers if isinstance(layer, Marking)]
        for layer in marking:
            if layer.name not in self.found:
                self._ask(layer)
        return len(self.found) == len(marking) or elapsed(self.began, self.clock.now()) > PATIENCE

    @property
    def unanswered(self) -> Mapping[str, str]:
        """Layers whose mark could not be read, and why."""
        return {name: why for name, why in self.failures.items() if name not in self.found}

    @property
    def ours(self) -> Mapping[str, Membership]:
        """What each layer's mark says was taken from this VM."""
        mine = self.vm.id.casefold()
        return {
            name: mark.entries
            for name, mark in self.found.items()
            if mark is not None and mark.vm_id.casefold() in ("", mine)
        }

    def _ask(self, layer: Backend) -> None:
        assert isinstance(layer, Marking)
        try:
            self.found[layer.name] = layer.mark()
        except DrainerError as error:
            self.failures[layer.name] = error.reason
