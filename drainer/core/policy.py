"""A policy as values: what to do about which notice, and how. Defaults are those of the design's sample.

Knows nothing of YAML: `drainer.policyfile` reads files and names lines.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum

from drainer.core.model import Event, EventSource, Stage

MINIMUM_NOTICE: Mapping[str, timedelta] = {
    "Freeze": timedelta(minutes=15),
    "Reboot": timedelta(minutes=15),
    "Redeploy": timedelta(minutes=10),
    "Preempt": timedelta(seconds=30),
    "Terminate": timedelta(minutes=5),
}
"""Microsoft's documented minimum notice by type (Scheduled Events, "Event scheduling"). In practice the
figures act as nominal values: see azure-docs#115241 and #39758."""

NOTICE_2015 = timedelta(minutes=5)
"""The notice of the 2015 documents: "about to begin (within 5 minutes)"."""

EVENT_TYPES = tuple(MINIMUM_NOTICE)


class Do(Enum):
    DRAIN = "drain"
    LOG = "log"
    IGNORE = "ignore"


class Acknowledge(Enum):
    """When to tell the platform that it may start."""

    NEVER = "never"
    WHEN_DRAINED = "when-drained"
    AT_DRAIN_END = "at-drain-end"  # proven or not; only events that name this VM alone


class Any(Enum):
    ANY = "any"


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """What a rule applies to. An absent condition matches all; `duration_below` never matches unknown."""

    type: str | None = None
    source: EventSource | None = None
    duration_below: timedelta | None = None

    def matches(self, event: Event) -> bool:
        if self.type is not None and self.type.casefold() != event.type.casefold():
            return False
        if self.source is not None and self.source is not event.source:
            return False
        if self.duration_below is None:
            return True
        return event.duration is not None and event.duration < self.duration_below


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule. Times before NotBefore (`lead`, `force`) are positive; `lead` ANY: at once."""

    match: Match = field(default_factory=Match)
    do: Do = Do.DRAIN
    lead: timedelta | Any = timedelta(minutes=5)
    force: timedelta = timedelta(seconds=60)
    drain_timeout: timedelta = timedelta(minutes=2)
    quiet_for: timedelta = timedelta(seconds=2)
    settle: timedelta = timedelta(seconds=30)
    acknowledge: Acknowledge = Acknowledge.WHEN_DRAINED
    use_budget: bool = True

    def __post_init__(self) -> None:
        for name in ("force", "drain_timeout", "quiet_for", "settle"):
            if getattr(self, name) < timedelta(0):
                raise ValueError(f"{name} must not be negative")


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthCheck:
    """The deep check that gates Restore. Exactly one of `http`, `tcp`, `command`, or none: always healthy."""

    http: str | None = None
    tcp: str | None = None
    command: tuple[str, ...] = ()
    passes: int = 3
    every: timedelta = timedelta(seconds=2)
    timeout: timedelta = timedelta(seconds=2)

    def __post_init__(self) -> None:
        if sum(map(bool, (self.http, self.tcp, self.command))) > 1:
            raise ValueError("only one of http, tcp, command")
        if self.passes < 1:
            raise ValueError("passes must be at least 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendChoice:
    """One layer as the policy names it. `options` is what the backend's own Options type made of it."""

    name: str
    options: object


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetChoice:
    """The fleet budget as the policy names it; `name` "none": no budget."""

    name: str = "none"
    options: object = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """A program to run at a stage. `command` is an argument list; a shell only where the list asks for it."""

    stage: Stage
    command: tuple[str, ...]
    timeout: timedelta = timedelta(seconds=10)


class Egress(Enum):
    UNKNOWN = "unknown"
    VERIFIED = "verified"


@dataclass(frozen=True, slots=True, kw_only=True)
class StuckAfter:
    """When a notice that never ends is skipped. None: never."""

    event: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """An accepted policy. Rules: first match wins; the last matches everything.

    Layers are cordoned and isolated first to last, restored last to first.
    """

    rules: tuple[Rule, ...]
    backend: tuple[BackendChoice, ...]
    service_ports: tuple[int, ...] = (80,)
    health: HealthCheck = field(default_factory=HealthCheck)
    budget: BudgetChoice = field(default_factory=BudgetChoice)
    keep_last: bool = True
    min_in_service: int = 1
    stuck_after: StuckAfter = field(default_factory=StuckAfter)
    hooks: tuple[Hook, ...] = ()
    egress: Egress = Egress.UNKNOWN
    system_log: bool = True
    digest: str = ""

    def __post_init__(self) -> None:
        if not self.rules or self.rules[-1].match != Match():
            raise ValueError("the last rule must match everything")

    def rule_for(self, event: Event) -> tuple[int, Rule]:
        """The first rule that matches, with its index."""
        for index, rule in enumerate(self.rules):
            if rule.match.matches(event):
                return index, rule
        raise AssertionError("the last rule matches everything")
