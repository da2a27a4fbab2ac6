"""The two documents of the service of 2015, parsed: bytes in, facts out. Pure.

They speak of their reader alone, know no times, and no acknowledgement (facts 1a). A reboot is the member,
where it stands as a member: the word inside any other text is only a word.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from drainer.core.model import Addressee, Blank, Event, EventSource, EventStatus, Unreadable
from drainer.sources.body import JsonObject, json_object, wrong_shape
from drainer.sources.printed import BARE, NotPrinted, printed_members

REBOOT_ID = "instance-info:reboot"
"""The id of the notice that InstanceInfo carries, which names none itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceInfo:
    """What InstanceInfo says. `name` has no leading underscore."""

    name: str
    update_domain: str
    fault_domain: str
    events: tuple[Event, ...]


def parse_instance_info(body: bytes) -> InstanceInfo | Unreadable:
    """Never raises. Without its ID it is not this document.

    Whatever stands behind Reboot, the member is the marker (its value was never documented); only a plain
    `false` says no.
    """
    members = _members(body)
    if isinstance(members, Unreadable):
        return members
    name = members.get("ID", members.get("InstanceID"))  # the post's prose and its samples disagree
    domains = [members.get("UD", ""), members.get("FD", "")]
    if not isinstance(name, str) or not name.strip() or not all(isinstance(d, str) for d in domains):
        return wrong_shape("expected the texts ID, UD and FD")
    bare = [member for member, value in members.items() if value is BARE and not _is_reboot(member)]
    if bare:
        return wrong_shape(f"expected a value behind {bare[0]!r}")
    pending = any(_is_reboot(member) and value is not False for member, value in members.items())
    return InstanceInfo(
        name=name.strip().removeprefix("_"),
        update_domain=domains[0],
        fault_domain=domains[1],
        events=(reboot(REBOOT_ID),) if pending else (),
    )


def parse_maintenance(body: bytes) -> tuple[Event, ...] | Unreadable:
    """Never raises. `{}` is nothing pending; anything else must carry an EventID."""
    members = json_object(body)
    if isinstance(members, Unreadable):
        return members
    if not members:
        return ()
    event_id = members.get("EventID")
    if not isinstance(event_id, str) or not event_id.strip():
        return wrong_shape("expected {} or the text EventID")
    return (reboot(event_id),)


def reboot(event_id: str) -> Event:
    """A reboot within some five minutes: more the service of 2015 does not say."""
    return Event(
        id=event_id,
        type="Reboot",
        status=EventStatus.UNSTATED,
        not_before=Blank(),
        resources=Addressee.READER,
        source=EventSource.UNSTATED,
    )


def _members(body: bytes) -> JsonObject | Unreadable:
    """As JSON, and where it is none, as the post of 2015 prints it."""
    strict = json_object(body)
    if not isinstance(strict, Unreadable) or strict.kind != "not-json":
        return strict
    text = body.decode()  # it is text: only as JSON it failed
    try:
        return _unique(printed_members(text))
    except NotPrinted as error:
        return Unreadable(kind="not-json", reason=f"{error} in {text[:100]!r}")


def _unique(pairs: list[tuple[str, Any]]) -> JsonObject:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise NotPrinted("a member stands twice")
    return members


def _is_reboot(member: str) -> bool:
    return member.casefold() == "reboot"
