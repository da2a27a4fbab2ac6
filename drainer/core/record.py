"""Journal records: what the world cannot tell back, as values. `drainer.core.codec` writes them as JSON.

Knows no file. A record is versioned by its schema; kinds that this release does not know are kept and
skipped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum

from drainer.core.model import Instant, Membership, Phase, Stage
from drainer.core.policy import Acknowledge
from drainer.core.step import Noting
from drainer.core.wish import Wish


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What one notice meant when it was last journalled: kept as long as the notice is listed.

    `force_at` and `not_before` are by the platform's clock; None: never by itself (an operator's drain).
    `since`: when this notice became a threat.
    """

    event_id: str
    type: str
    source: str
    since: Instant
    started: bool
    force_at: datetime | None
    not_before: datetime | None
    force: timedelta
    drain_timeout: timedelta
    quiet_for: timedelta
    settle: timedelta
    acknowledge: Acknowledge
    use_budget: bool
    siblings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """An episode began. A layer of which nothing was known is None."""

    episode: str
    vm: str
    vm_id: str
    policy: str
    terms: tuple[Terms, ...]
    layers: Mapping[str, Membership | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """Layers whose `was` became known, or changed by an operator's hand, in an open episode."""

    layers: Mapping[str, Membership]


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """`partly`: of a returned layer, other entries are still out and stay ours.

    `layers`: with cordoned-at, those that were read back out.
    """

    what: Noting
    layer: str = ""
    layers: tuple[str, ...] = ()
    partly: bool = False
    generation: str = ""
    terms: tuple[Terms, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Intended:
    """A step is about to touch the world. `layers`: name → the longest time a lost write can still land.

    `undo` holds the exact commands by which a person undoes it. `again`: a cordon that only asks after one
    that is under way, so that it stays noted since when the VM is out.
    """

    step: str
    layers: Mapping[str, timedelta] = field(default_factory=dict)
    phase: Phase | None = None
    stage: Stage | None = None
    event_id: str = ""
    forced: bool = False
    again: bool = False
    lands_for: timedelta = timedelta(0)
    undo: tuple[str, ...] = ()


class Outcome(Enum):
    DONE = "done"
    PENDING = "pending"
    FAILED = "failed"
    DENIED = "denied"
    WAIT = "wait"
    ABORT = "abort"
    GONE = "gone"
    REFUSED = "refused"  # the platform called our request wrong: a bug of ours, never retried
    UNTOUCHED = "untouched"  # it failed before anything was changed: nothing of it can land


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """What came of a step; for people, but where `Outcome.DONE` settles an intent."""

    step: str
    outcome: Outcome
    layers: tuple[str, ...] = ()
    phase: Phase | None = None
    stage: Stage | None = None
    event_id: str = ""
    until: Instant | None = None
    kind: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wished:
    wish: Wish
    by: str = ""


@dataclass(frozen=True, slots=True)
class Closed:
    pass


Body = Opened | Joined | Noted | Intended | Finished | Wished | Closed


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    at: Instant
    body: Body
