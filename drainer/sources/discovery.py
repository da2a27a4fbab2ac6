"""Which of the three services this VM is served: the newest that is there, chosen once.

Only a definite 404 at first contact moves on to an older one; a time-out or a 5xx says nothing. The choice
is kept for the life of the process, so that a bad hour never turns into an older, poorer source.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

from drainer.core.model import AckAnswer, Document, SourceKind, Unreadable
from drainer.errors import Transient
from drainer.ports import Clock, EventFeed
from drainer.sources.body import ABSENT
from drainer.sources.identity import Identity
from drainer.sources.instance_info import InstanceInfoSource
from drainer.sources.maintenance_v1 import MaintenanceSource
from drainer.sources.scheduled_events import scheduled_events
from drainer.transport.http import HttpPeer

_ANSWERED = frozenset({"empty", "not-utf8", "not-json", "wrong-shape", "http-400"})
"""Kinds of unreadable that only a service which is there can give."""


def discover(
    base_url: str,
    *,
    clock: Clock,
    vm_name: str = "",
    source: SourceKind | None = None,
    lifetime_s: float = inf,
) -> EventFeed:
    """The feed to poll. Nothing is asked before its first `observe`.

    `vm_name` "": as the platform says. `source` None: found out. `lifetime_s`: no call of the feed outlasts
    this many seconds from now. Raises ValueError for a base URL that is none.
    """

    def build(kind: SourceKind) -> EventFeed:
        return _feed(kind, base_url, clock=clock, vm_name=vm_name, lifetime_s=lifetime_s)

    if source is not None:
        return build(source)
    return Discovery([build(kind) for kind in SourceKind])


class Discovery:
    """An `EventFeed` over candidates, newest first.

    The first `observe` may ask them all; after that, one `observe` asks one of them.
    """

    def __init__(self, candidates: Sequence[EventFeed]) -> None:
        self._candidates = candidates
        self._at = 0
        self._chosen = False
        self._all_asked = False

    def observe(self) -> Document | Unreadable:
        """Kind "no-source": every service answered 404; the next calls start over with the newest."""
        while True:
            outcome = self._feed.observe()
            if self._chosen:
                return outcome
            if isinstance(outcome, Document) or outcome.kind in _ANSWERED:
                self._chosen = True
                return outcome
            if outcome.kind != ABSENT:
                return outcome
            self._step_down()
            if self._all_asked:
                return Unreadable(kind="no-source", reason="no known metadata service is served here")

    def acknowledge(self, event_id: str) -> AckAnswer:
        """Raises Transient kind "no-source" before the first answer, and what the chosen feed raises."""
        if not self._chosen:
            raise Transient("no-source", "no metadata service has answered yet")
        return self._feed.acknowledge(event_id)

    def close(self) -> None:
        for feed in self._candidates:
            feed.close()

    @property
    def _feed(self) -> EventFeed:
        return self._candidates[self._at]

    def _step_down(self) -> None:
        """On to the next older one; after the oldest, to the newest again."""
        self._feed.close()
        self._at = (self._at + 1) % len(self._candidates)
        self._all_asked = self._all_asked or self._at == 0


def _feed(kind: SourceKind, base_url: str, *, clock: Clock, vm_name: str, lifetime_s: float) -> EventFeed:
    peer = HttpPeer(base_url, lifetime_s=lifetime_s)
    match kind:
        case SourceKind.SCHEDULED_EVENTS:
            return scheduled_events(base_url, clock=clock, vm_name=vm_name, lifetime_s=lifetime_s)
        case SourceKind.MAINTENANCE:
            names = Identity(HttpPeer(base_url, lifetime_s=lifetime_s), clock, given=vm_name)
            return MaintenanceSource(peer, clock, names)
        case SourceKind.INSTANCE_INFO:
            return InstanceInfoSource(peer, clock, given=vm_name)
