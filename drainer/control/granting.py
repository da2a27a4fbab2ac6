"""From a request to a wish that makes sense now, or why it does not. Pure.

A wish is granted by the deciding thread, once it is journalled; here it is only made.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING

from drainer.control.protocol import LISTED, Request, bad
from drainer.core import wish as wishes
from drainer.core.model import Document, Membership
from drainer.core.naming import names_vm
from drainer.core.wish import OPERATOR_ID
from drainer.errors import Refused, Transient

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drainer.reconcile import Tick

LONGEST = timedelta(days=366)

FIELDS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "hold": frozenset({"until"}),
        "skip": frozenset({"event_id"}),
        "force": frozenset(),
        "drain": frozenset({"reason", "until"}),
        "restore": frozenset(),
        "resume": frozenset(),
        "adopt": frozenset(),
    }
)
"""Verbs that wish for something, with the members they take."""


def wish_of(request: Request, tick: Tick | None, now: datetime) -> wishes.Wish:
    """The wish, checked against what the last tick saw (None: none yet).

    Raises Refused kind "bad-request" or "pointless", or Transient kind "daemon-starting".
    """
    unknown = sorted(request.fields.keys() - FIELDS[request.verb])
    if unknown:
        raise bad(f"{unknown[0][:60]}: {request.verb} takes no such member")
    match request.verb:
        case "hold":
            return wishes.Hold(until=_until(request, now))
        case "drain":
            until = None if request.fields.get("until") is None else _until(request, now)
            return wishes.Drain(reason=request.text("reason"), until=until)
        case "skip":
            return wishes.Skip(event_id=_listed(request.text("event_id"), tick))
        case "resume":
            return wishes.Resume()
    if tick is None:
        raise Transient("daemon-starting", "the daemon has not looked around yet; ask again in a moment")
    match request.verb:
        case "force":
            return _force(tick)
        case "restore":
            return wishes.Restore(event_ids=_present(tick))
        case _:
            return _adopt(tick)


def _until(request: Request, now: datetime) -> datetime:
    text = request.text("until", most=64)
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise bad(f"until: expected an RFC 3339 time, got {text!r}") from None
    if at.tzinfo is None:
        raise bad(f"until: expected a time with its zone, got {text!r}")
    if not now < at <= now + LONGEST:
        raise bad(f"until: expected a time to come within {LONGEST.days} days, got {text!r}")
    return at.astimezone(UTC)


def _listed(event_id: str, tick: Tick | None) -> str:
    """An id that may be skipped. While the document cannot be read any may be in it."""
    if tick is None or not isinstance(tick.seen.document, Document):
        return event_id
    document = tick.seen.document
    listed = sorted(event.id for event in document.events if names_vm(event, document.vm.name))
    if event_id in listed:
        return event_id
    present = f"listed are {', '.join(listed[:LISTED])}" if listed else "none is listed"
    raise Refused("pointless", f"no notice {event_id!r} is listed for this VM: {present}")


def _force(tick: Tick) -> wishes.Force:
    """Only for what is known of now: a force that waited would befall the next notice."""
    announced = tick.assessment.outlook.sightings or tick.assessment.threat
    if tick.state.episode is None and not announced:
        raise Refused("pointless", "there is nothing to force: no notice is listed and no drain asked for")
    return wishes.Force()


def _present(tick: Tick) -> tuple[str, ...]:
    """Every notice that could drain this VM again: those listed, and those of the open episode."""
    listed = {sighting.event.id for sighting in tick.assessment.outlook.sightings}
    known = set(tick.state.episode.terms) if tick.state.episode else set()
    return tuple(sorted((listed | known) - {OPERATOR_ID}))


def _adopt(tick: Tick) -> wishes.Adopt:
    """In an open episode only the layers of which it has no record can be adopted."""
    episode = tick.state.episode
    if episode is not None and all(episode.layer(sight.name).was for sight in tick.seen.layers):
        raise Refused(
            "pointless", f"the episode {episode.id} is open and knows every layer: nothing is to be adopted"
        )
    return wishes.Adopt(
        layers={
            sight.name: sight.reading if isinstance(sight.reading, Membership) else None
            for sight in tick.seen.layers
        }
    )
