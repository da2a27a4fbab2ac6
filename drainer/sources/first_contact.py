"""The first answer of Scheduled Events, which switches the service on and may take two minutes (facts 2e).

The wait is cut into short turns, so that whoever polls stays alive to everything else meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from drainer.core.model import Instant, Unreadable, elapsed
from drainer.errors import Transient
from drainer.ports import Clock
from drainer.transport.http import Answer, HttpPeer

ANSWER_TIMEOUT_S = 150.0
TURN_S = 1.0
CONNECT_TIMEOUT_S = 5.0
SLOW = timedelta(seconds=10)


class FirstContact:
    """Asks until the first answer is there; `slow` tells whether any attempt took more than ten seconds."""

    def __init__(self, peer: HttpPeer, clock: Clock, *, answer_timeout_s: float = ANSWER_TIMEOUT_S) -> None:
        self._answer_timeout_s = answer_timeout_s
        self._peer = peer
        self._clock = clock
        self._began: Instant | None = None
        self.slow = False

    def ask(self, path: str, headers: Mapping[str, str]) -> Answer | Unreadable:
        """The answer, or Unreadable kind "enabling": ask again next turn. Raises the peer's Transient."""
        if self._began is None or not self._peer.waiting:
            self._began = self._clock.now()
            self._peer.begin(
                path,
                headers=headers,
                connect_timeout_s=CONNECT_TIMEOUT_S,
                answer_timeout_s=self._answer_timeout_s,
            )
        try:
            answer = self._peer.finish(turn_s=TURN_S, timeout_s=CONNECT_TIMEOUT_S)
        except Transient:
            self._ended(self._began)
            raise
        if answer is None:
            return self._enabling(self._began)
        self._ended(self._began)
        return answer

    def _ended(self, began: Instant) -> None:
        self.slow = self.slow or elapsed(began, self._clock.now()) > SLOW
        self._began = None

    def _enabling(self, began: Instant) -> Unreadable:
        waited_s = elapsed(began, self._clock.now()).total_seconds()
        return Unreadable(
            kind="enabling",
            reason=f"the service is being switched on: asked {waited_s:.0f} s ago, may take two minutes",
        )
