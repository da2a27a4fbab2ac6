"""What an alarm is made of: its name, when it stands and what it says then, and what comes next.

A scene is everything that an alarm may look at. Nothing here is remembered, nothing is decided.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from drainer.core.assess import LayerSight
from drainer.core.episode import Episode
from drainer.core.model import Document, Instant, Unreadable
from drainer.core.record import Terms
from drainer.core.threat import OPERATOR_ID, Sighting
from drainer.journal import Journal
from drainer.memory import Memory
from drainer.reconcile import Tick


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """`tick` None: nothing may be decided yet. `started`: when this life began."""

    now: Instant
    document: Document | Unreadable
    tick: Tick | None
    journal: Journal
    memory: Memory
    started: Instant

    @property
    def episode(self) -> Episode | None:
        return None if self.tick is None else self.tick.state.episode

    @property
    def sightings(self) -> tuple[Sighting, ...]:
        return () if self.tick is None else self.tick.assessment.outlook.sightings

    @property
    def layers(self) -> tuple[LayerSight, ...]:
        return () if self.tick is None else self.tick.seen.layers

    @property
    def skew(self) -> timedelta:
        return timedelta(0) if self.tick is None else self.tick.seen.skew

    @property
    def platform_now(self) -> datetime:
        return self.now.wall + self.skew

    @property
    def threatened(self) -> bool:
        return self.tick is not None and self.tick.assessment.threat is not None

    @property
    def terms(self) -> Mapping[str, Terms]:
        """The platform's notices of the open episode that nobody skipped."""
        if self.tick is None or self.episode is None:
            return {}
        left_alone = self.tick.state.wishes.skips | {OPERATOR_ID}
        return {key: terms for key, terms in self.episode.terms.items() if key not in left_alone}


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One row of the table. `says`: what happened, to what; "" while it does not stand."""

    name: str
    says: Callable[[Scene], str]
    next: str


def seconds(span: timedelta) -> str:
    return f"{span.total_seconds():.0f} s"
