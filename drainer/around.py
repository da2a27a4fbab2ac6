"""Everything outside, gathered: the ports of one sidecar."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from drainer.core.model import AckAnswer, Document, Stage, Unreadable
from drainer.ports import Approvals, Backend, Budget, Clock, Connections, HealthCheck, Hooks, SystemLog


class Feed(Protocol):
    """The newest document, however it got here, and the way back to the platform."""

    def latest(self) -> Document | Unreadable: ...

    def acknowledge(self, event_id: str) -> AckAnswer: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Everything outside. `budget` None: the policy has none."""

    clock: Clock
    feed: Feed
    layers: tuple[Backend, ...]
    connections: Connections
    health: HealthCheck
    hooks: Hooks
    approvals: Approvals
    system_log: SystemLog
    budget: Budget | None = None
    hook_stages: frozenset[Stage] = frozenset()
    stopping: Callable[[], bool] = lambda: False
    dry_run: bool = False

    def layer(self, name: str) -> Backend:
        """The backend of this layer. Asking for one that the policy does not have is a bug."""
        for backend in self.layers:
            if backend.name == name:
                return backend
        raise LookupError(f"no layer {name!r}")
