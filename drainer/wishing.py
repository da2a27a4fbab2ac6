"""What the document and the clock do to operators' wishes: some have run their course, some arise.

Reads only; the reconciler journals what is due.
"""

from __future__ import annotations

from datetime import timedelta

from drainer.core import wish as wishes
from drainer.core.assess import Observation
from drainer.core.episode import State, Wishes
from drainer.core.model import Document, EventStatus, Instant, elapsed
from drainer.core.naming import names_vm
from drainer.core.threat import drain_wished

YOUNG = timedelta(minutes=5)
"""A Reboot that is already Started in the first document after a boot this young has done its harm."""

SPENDING_TYPES = frozenset({"reboot", "redeploy"})
"""Events that are over for this VM once it has booted."""


def due_wishes(
    seen: Observation, state: State, *, stuck_after: timedelta | None, uptime: timedelta | None
) -> tuple[wishes.Wish, ...]:
    """Wishes to journal before anything is assessed.

    `uptime`: with the first document of this life, how long the machine has been up; None later.
    """
    due = list(_over(state.wishes, seen.now))
    if isinstance(seen.document, Document):
        due += _vanished(state, seen.document)
        due += _stuck(state, seen.document, seen.now, stuck_after)
        if uptime is not None and uptime < YOUNG and state.episode is None:
            due += _spent(state.wishes, seen.document)
    return tuple(due)


def _over(asked: Wishes, now: Instant) -> list[wishes.Wish]:
    over: list[wishes.Wish] = []
    if asked.drain is not None and not drain_wished(asked, now):
        over.append(wishes.Ended(wish="drain"))
    if asked.hold_until is not None and asked.hold_until <= now.wall:
        over.append(wishes.Ended(wish="hold"))
    return over


def _vanished(state: State, document: Document) -> list[wishes.Wish]:
    """A skip ends with its notice; a force with nothing announced any more, where no episode ends it."""
    asked = state.wishes
    listed = {event.id for event in document.events}
    over: list[wishes.Wish] = [
        wishes.Ended(wish="skip", event_id=event_id) for event_id in sorted(asked.skips - listed)
    ]
    announced = any(names_vm(event, document.vm.name) for event in document.events)
    if asked.force_at is not None and state.episode is None and not announced and asked.drain is None:
        over.append(wishes.Ended(wish="force"))
    return over


def _stuck(state: State, document: Document, now: Instant, limit: timedelta | None) -> list[wishes.Wish]:
    """Notices that do not end within the policy's patience."""
    episode = state.episode
    if limit is None or episode is None:
        return []
    return [
        wishes.Skip(event_id=event.id, why="stuck")
        for event in document.events
        if event.id in episode.terms
        and event.id not in state.wishes.skips
        and elapsed(episode.terms[event.id].since, now) >= limit
    ]


def _spent(asked: Wishes, document: Document) -> list[wishes.Wish]:
    """Reboots that had started before this machine booted."""
    return [
        wishes.Skip(event_id=event.id, why="already-rebooted")
        for event in document.events
        if event.status is EventStatus.STARTED
        and event.type.casefold() in SPENDING_TYPES
        and event.id not in asked.skips
        and names_vm(event, document.vm.name)
    ]
