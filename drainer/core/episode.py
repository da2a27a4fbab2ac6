"""What the journal comes to: the open episode and the operators' wishes, as values.

Facts only. `drainer.core.fold` makes them from records; `drainer.core.assess` weighs them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from drainer.core import wish as wishes
from drainer.core.model import Entry, Instant, Membership, Phase, Stage, Standing, elapsed, later
from drainer.core.record import Terms

LONGEST_LEASE = timedelta(hours=1)
"""No budget grants for longer: so long may stand what an acquire took whose answer was lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A stretch of time that began with a record. It never lasts longer than it did when it began,
    whatever became of the wall clock since.
    """

    since: Instant
    lasts: timedelta

    @property
    def until(self) -> Instant:
        return later(self.since, self.lasts)

    def remaining(self, now: Instant) -> timedelta:
        """Zero or less once it is over."""
        return self.lasts - elapsed(self.since, now)


def still_open(windows: Iterable[Window | None], now: Instant) -> bool:
    """Whether any of these windows is not over yet."""
    return any(window.remaining(now) > timedelta(0) for window in windows if window is not None)


def longest(*windows: Window | None) -> Window | None:
    """The window that ends last."""
    return max((w for w in windows if w is not None), key=lambda w: w.until.wall, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerFacts:
    """What the journal knows of one layer. `was` None: it could not be read when the episode opened.

    `done`: out by a clean answer or read back out, and no Restore tried since. `attempted` and `lands`
    bound the writes of ours without a clean answer: the newest one's, and those before it. `pending` bounds
    those of the step `pending_step` that were answered "under way": a clean answer to that step ends them.
    """

    was: Membership | None
    intended: bool = False
    done: bool = False
    adopted: bool = False
    attempted: Window | None = None
    lands: Window | None = None
    pending: Window | None = None
    pending_step: str = ""
    returned: int = 0
    generation: str = ""

    def unsettled(self, now: Instant) -> bool:
        """Whether a write of ours without a clean answer can still land."""
        return still_open((self.attempted, self.lands, self.pending), now)

    def cordon_under_way(self, now: Instant) -> bool:
        """Whether a Cordon was answered "under way", has had no other answer since, and can still land."""
        return self.pending_step == "cordon" and still_open((self.pending,), now)


@dataclass(frozen=True, slots=True, kw_only=True)
class HookFacts:
    """How a stage's hooks went: `done` (go), waits and failures so far, aborted."""

    done: bool = False
    waits: int = 0
    failures: int = 0
    aborted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseFacts:
    """The lease of this episode. `attempted`: an acquire was tried, so release is owed.

    `term`: how long the lease granted last lasts. `given_up`: when this boot first tried a release since, so
    that it may be gone whatever was answered. `trying` and `lands`: as a layer's windows.
    """

    attempted: bool = False
    given_up: Instant | None = None
    phase: Phase | None = None
    term: Window | None = None
    trying: Window | None = None
    lands: Window | None = None

    @property
    def until(self) -> Instant | None:
        return None if self.term is None else self.term.until

    def unsettled(self, now: Instant) -> bool:
        """Whether an acquire of ours without a clean answer can still land."""
        return still_open((self.trying, self.lands), now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """Open … close. Terms are those of every notice that was a threat in it.

    `taken`: a cordon was tried, or the VM was found out. `at_once`: an operator asked for everything back,
    without settling.
    """

    id: str
    opened: Instant
    vm: str
    vm_id: str
    policy: str
    terms: Mapping[str, Terms]
    layers: Mapping[str, LayerFacts]
    failing: bool = False
    adopted: bool = False
    cordoned_at: Instant | None = None
    quiet_since: Instant | None = None
    hooks: Mapping[Stage, HookFacts] = field(default_factory=dict)
    lease: LeaseFacts = field(default_factory=LeaseFacts)
    published: frozenset[str] = frozenset()
    acknowledged: frozenset[str] = frozenset()
    taken: bool = False
    yielded: bool = False
    at_once: bool = False

    @property
    def force_at(self) -> datetime | None:
        """The journalled force: the earliest of the notices' that were last seen as threats."""
        return self.force_without(frozenset())

    def force_without(self, skipped: frozenset[str]) -> datetime | None:
        """The same, of the notices that nobody skipped."""
        forces = (t.force_at for t in self.terms.values() if t.event_id not in skipped)
        return min((at for at in forces if at is not None), default=None)

    def hook(self, stage: Stage) -> HookFacts:
        return self.hooks.get(stage, HookFacts())

    def layer(self, name: str) -> LayerFacts:
        return self.layers.get(name, LayerFacts(was=None))

    def with_layer(self, name: str, facts: LayerFacts) -> Episode:
        return replace(self, layers={**self.layers, name: facts})


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What operators asked for and has not run its course."""

    drain: wishes.Drain | None = None
    drain_since: Instant | None = None
    skips: frozenset[str] = frozenset()
    hold_until: datetime | None = None
    force_at: Instant | None = None
    restore: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Everything the journal says."""

    episode: Episode | None = None
    wishes: Wishes = field(default_factory=Wishes)


def all_in(membership: Membership) -> Membership:
    """The same entries, every one taking new work."""
    return replace(
        membership,
        entries=tuple(
            Entry(name=entry.name, standing=Standing.IN, detail=entry.detail) for entry in membership.entries
        ),
    )
