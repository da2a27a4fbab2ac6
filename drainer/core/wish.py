"""Wishes of operators: journalled inputs of `assess`, seen before every row and also when blind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from drainer.core.model import Membership

OPERATOR_ID = "operator-drain"
"""The event id of an operator's own drain; no document has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain:
    """A notice of source Operator until `until`; without an end it ends at the next boot."""

    reason: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Skip:
    """Drop the event of this id until it vanishes from the document."""

    event_id: str
    why: str = "operator"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Take nothing out and give nothing back until `until`."""

    until: datetime


@dataclass(frozen=True, slots=True)
class Force:
    """Force is now, for what is announced: budget and soft gates no longer hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restore:
    """Skip all notices present (`event_ids`), end a drain wish, give back at once without settling."""

    event_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Resume:
    """End a hold, a yield and a hook's abort."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopt:
    """Open an episode whose layers count as was In and ours, as `layers` reads now (None: unread).

    In an episode that is open already, that holds for the layers of which it has no record.
    """

    layers: Mapping[str, Membership | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A wish has run its course: `drain`, `hold`, `force`, or `skip` of `event_id`."""

    wish: str
    event_id: str = ""


Wish = Drain | Skip | Hold | Force | Restore | Resume | Adopt | Ended
