"""Observe: ask the ports what the world is like now, as cheaply as the moment allows.

Reads and remembers readings; changes nothing outside.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from drainer.act import Ports
from drainer.core.assess import LayerSight, Observation
from drainer.core.episode import Episode, State
from drainer.core.model import (
    Document,
    Failing,
    InFlight,
    Instant,
    Membership,
    Reading,
    Unmeasured,
    Unreadable,
    Work,
    elapsed,
)
from drainer.core.policy import HealthCheck
from drainer.errors import DrainerError
from drainer.memory import Memory, Sight
from drainer.ports import Backend


@dataclass(slots=True)
class HealthWatch:
    """Deep checks passed in a row, checked no more often than the policy says, only while asked for."""

    checked_at: Instant | None = None
    passes: int = 0
    reason: str = ""

    def reset(self) -> None:
        self.checked_at, self.passes, self.reason = None, 0, ""

    def look(self, ports: Ports, policy: HealthCheck) -> int:
        now = ports.clock.now()
        if self.checked_at is not None and elapsed(self.checked_at, now) < policy.every:
            return self.passes
        self.checked_at = now
        health = ports.health.check()
        failing = isinstance(health, Failing)
        self.reason = health.reason if isinstance(health, Failing) else ""
        self.passes = 0 if failing else min(self.passes + 1, policy.passes)
        return self.passes


def observe(ports: Ports, state: State, memory: Memory, *, passes: int) -> Observation:
    """One observation. Never raises: what cannot be read is `Unreadable`."""
    now = ports.clock.now()
    document = ports.feed.latest()
    if isinstance(document, Document):
        memory.last_document_at = document.read_at
        memory.skew = document.skew or timedelta(0)
    layers = tuple(_sight(backend, ports, state.episode, memory, now) for backend in ports.layers)
    work = _work(ports, state.episode)
    memory.still_since = _still_since(memory, work, now)
    return Observation(
        now=now,
        document=document,
        layers=layers,
        work=work,
        still_since=memory.still_since,
        passes=passes,
        skew=memory.skew,
        hook_stages=ports.hook_stages,
        budget=ports.budget is not None,
        denied=_denied(memory, now),
        published=_published(ports, state.episode),
        backing_off=memory.backing_off(now, past_force=_past_force(state.episode, now, memory.skew)),
    )


def _sight(
    backend: Backend, ports: Ports, episode: Episode | None, memory: Memory, now: Instant
) -> LayerSight:
    reading = _reading(backend, memory, now)
    return LayerSight(
        name=backend.name,
        cordons=backend.cordons,
        isolates=backend.isolates,
        reading=reading,
        others=_others(backend) if episode is not None and episode.cordoned_at is None else None,
        last=memory.last.get(backend.name),
    )


def _reading(backend: Backend, memory: Memory, now: Instant) -> Reading:
    sight = memory.sights.get(backend.name)
    fresh = sight is not None and backend.name not in memory.stale
    if sight is not None and fresh and elapsed(sight.at, now) < backend.read_every:
        return sight.reading
    reading = _read(backend)
    memory.sights[backend.name] = Sight(reading=reading, at=now)
    memory.stale.discard(backend.name)
    if isinstance(reading, Membership):
        memory.last[backend.name] = reading
    return reading


def _read(backend: Backend) -> Reading:
    try:
        return backend.membership()
    except DrainerError as error:
        return Unreadable(kind=error.kind, reason=error.reason)


def _others(backend: Backend) -> int | None:
    try:
        count = backend.in_service_count()
    except DrainerError:
        return None
    return count if isinstance(count, int) else None


def _work(ports: Ports, episode: Episode | None) -> Work:
    """This VM's own connections, and what the balancers that count still count on it."""
    if episode is None or episode.cordoned_at is None:
        return Unmeasured(reason="not draining")
    own = ports.connections.in_flight()
    if isinstance(own, Unmeasured):
        return own
    counted = (_counted(backend) for backend in ports.layers)
    return InFlight(count=own.count + sum(work.count for work in counted if isinstance(work, InFlight)))


def _counted(backend: Backend) -> Work:
    try:
        return backend.in_flight()
    except DrainerError as error:
        return Unmeasured(reason=error.reason)


def _still_since(memory: Memory, work: Work, now: Instant) -> Instant | None:
    if not isinstance(work, InFlight) or work.count > 0:
        return None
    return memory.still_since or now


def _denied(memory: Memory, now: Instant) -> str:
    if memory.denied is None:
        return ""
    retry_at, reason = memory.denied
    return reason if now.wall < retry_at.wall else ""


def _published(ports: Ports, episode: Episode | None) -> Mapping[str, frozenset[str]]:
    if episode is None:
        return {}
    return {
        terms.event_id: _published_by(ports, terms.event_id)
        for terms in episode.terms.values()
        if terms.siblings and terms.event_id in episode.published
    }


def _published_by(ports: Ports, event_id: str) -> frozenset[str]:
    try:
        return ports.approvals.published(event_id)
    except DrainerError:
        return frozenset()


def _past_force(episode: Episode | None, now: Instant, skew: timedelta) -> bool:
    force_at = episode.force_at if episode and episode.quiet_since is None else None
    return force_at is not None and force_at <= now.wall + skew
