"""The end of flows over which nothing passes.

Source: Azure load balancer documentation, TCP reset and idle timeout: an idle flow is dropped silently, or
with TCP reset enabled both of its ends are reset.
"""

import asyncio
from collections.abc import Collection

from metadata_server.balancer.behaviour import Behaviour
from metadata_server.balancer.flow import Flow

# A flow ends at most this part of the timeout late.
_LATE = 1 / 20
_LEAST_S = 0.01


class IdleWatch:
    """Looks through the flows of one balancer as long as there is a timeout."""

    def __init__(self, flows: Collection[Flow]) -> None:
        self._flows = flows
        self._behaviour = Behaviour()
        self._next: asyncio.TimerHandle | None = None

    def follow(self, behaviour: Behaviour) -> None:
        """From now on, this timeout and this end."""
        before, self._behaviour = self._behaviour, behaviour
        if before.idle_timeout_s != behaviour.idle_timeout_s:
            self.stop()
            self._plan()

    def stop(self) -> None:
        """Look no more, until the next change."""
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def _plan(self) -> None:
        timeout_s = self._behaviour.idle_timeout_s
        if timeout_s is not None:
            loop = asyncio.get_running_loop()
            self._next = loop.call_later(max(timeout_s * _LATE, _LEAST_S), self._look, timeout_s)

    def _look(self, timeout_s: float) -> None:
        idle_since = asyncio.get_running_loop().time() - timeout_s
        for flow in tuple(self._flows):
            if flow.active_at <= idle_since:
                flow.end(self._behaviour.on_idle)
        self._plan()
