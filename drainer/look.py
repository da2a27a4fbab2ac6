"""Observe: ask the ports what the world is like now, as cheaply as the moment allows.

Reads and remembers readings; changes nothing outside.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache

from drainer.around import Ports
from drainer.core.assess import LayerSight, Observation
from drainer.core.episode import Episode, State
from drainer.core.model import (
    Document,
    Face,
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
from drainer.notices import notices_of
from drainer.ports import Backend, Resting


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
    now, episode = ports.clock.now(), state.episode
    document = ports.feed.latest()
    if isinstance(document, Document):
        memory.heard(document, episode)
    calling = episode is not None or _is_called_for(document, state)
    readings = {
        backend.name: _reading(backend, memory, now, episode) if calling else _steady(backend, memory, now)
        for backend in ports.layers
    }
    work = _work(ports, episode, readings)
    memory.still_since = _still_since(memory, work, now)
    return Observation(
        now=now,
        document=document,
        layers=_sights(ports, episode, readings, memory),
        work=work,
        still_since=memory.still_since,
        passes=passes,
        skew=memory.skew,
        hook_stages=ports.hook_stages,
        budget=ports.budget is not None,
        denied=_denied(memory, now),
        published=_published(ports, episode),
        backing_off=memory.backing_off(now, past_force=_past_force(state, now, memory.skew)),
    )


# --- layers ---------------------------------------------------------------------------------------


ASLEEP = Unreadable(kind="asleep", reason="it is read once a notice names this VM")


def _is_called_for(document: Document | Unreadable, state: State) -> bool:
    """Whether a notice, or an operator's own, makes it worth while to read what costs something."""
    return state.wishes.drain is not None or (isinstance(document, Document) and bool(notices_of(document)))


def _steady(backend: Backend, memory: Memory, now: Instant) -> Reading:
    """Nothing is announced and nothing is owed: a layer whose reading costs something is left to rest."""
    if not _may_rest(type(backend)) or not isinstance(backend, Resting):
        return _reading(backend, memory, now, None)
    backend.rest()
    memory.sights.pop(backend.name, None)
    memory.unread_since.pop(backend.name, None)
    return ASLEEP


@cache
def _may_rest(kind: type[object]) -> bool:
    """Asked at every look and slow to find out, so a kind is found out once."""
    return issubclass(kind, Resting)


def _reading(backend: Backend, memory: Memory, now: Instant, episode: Episode | None) -> Reading:
    sight = memory.sights.get(backend.name)
    fresh = sight is not None and backend.name not in memory.stale
    if sight is not None and fresh and elapsed(sight.at, now) < _good_for(backend, sight.reading):
        return sight.reading
    reading = _read(backend)
    memory.sights[backend.name] = Sight(reading=reading, at=now)
    if isinstance(reading, Unreadable):
        memory.unread_since.setdefault(backend.name, now)
    else:
        memory.unread_since.pop(backend.name, None)
    memory.stale.discard(backend.name)
    if isinstance(reading, Membership) and episode is None:
        memory.last[backend.name] = reading
    return reading


def _good_for(backend: Backend, reading: Reading) -> timedelta:
    """A layer that could not be read, or that is on its way out, is asked again at the next look."""
    if isinstance(reading, Unreadable) or reading.face is Face.LEAVING:
        return timedelta(0)
    return backend.read_every


def _read(backend: Backend) -> Reading:
    try:
        return backend.membership()
    except DrainerError as error:
        return Unreadable(kind=error.kind, reason=error.reason)


def _sights(
    ports: Ports, episode: Episode | None, readings: Mapping[str, Reading], memory: Memory
) -> tuple[LayerSight, ...]:
    counting = episode is not None and _may_take_work(ports, readings)
    return tuple(
        LayerSight(
            name=backend.name,
            cordons=backend.cordons,
            isolates=backend.isolates,
            reading=readings[backend.name],
            others=_others(backend) if counting else None,
            last=memory.last.get(backend.name),
        )
        for backend in ports.layers
    )


def _may_take_work(ports: Ports, readings: Mapping[str, Reading]) -> bool:
    """Whether the drain face may take work still: only then do the other members matter."""
    face = [backend.name for backend in ports.layers if backend.cordons] or [ports.layers[0].name]
    return any(_may(readings[name]) for name in face)


def _may(reading: Reading) -> bool:
    return isinstance(reading, Unreadable) or bool(reading.taking_work)


def _others(backend: Backend) -> int | None:
    try:
        count = backend.in_service_count()
    except DrainerError:
        return None
    return count if isinstance(count, int) else None


# --- work in flight -------------------------------------------------------------------------------


def _work(ports: Ports, episode: Episode | None, readings: Mapping[str, Reading]) -> Work:
    """This VM's own connections, and what the balancers that count still count on it.

    One that cannot count now leaves the whole unmeasured; a layer that has no entry of this VM, or that
    cannot be read, has no say (unread, it proves nothing anyway).
    """
    if episode is None or episode.cordoned_at is None:
        return Unmeasured(reason="not draining")
    count = 0
    for counted in (ports.connections.in_flight(), *_counted(ports, readings)):
        if isinstance(counted, Unmeasured):
            return counted
        count += counted.count
    return InFlight(count=count)


def _counted(ports: Ports, readings: Mapping[str, Reading]) -> tuple[Work, ...]:
    members = (backend for backend in ports.layers if _has_entries(readings[backend.name]))
    return tuple(_counted_by(backend) for backend in members)


def _has_entries(reading: Reading) -> bool:
    return isinstance(reading, Membership) and bool(reading.entries)


def _counted_by(backend: Backend) -> Work:
    try:
        return backend.in_flight()
    except DrainerError as error:
        return Unmeasured(reason=error.reason)


def _still_since(memory: Memory, work: Work, now: Instant) -> Instant | None:
    if not isinstance(work, InFlight) or work.count > 0:
        return None
    return memory.still_since or now


# --- the rest -------------------------------------------------------------------------------------


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


def _past_force(state: State, now: Instant, skew: timedelta) -> bool:
    """By the journal: steps that fail are retried at least every second from then on."""
    episode, wishes = state.episode, state.wishes
    if episode is None or episode.quiet_since is not None:
        return False
    force_at = episode.force_without(wishes.skips)
    return wishes.force_at is not None or (force_at is not None and force_at <= now.wall + skew)
