"""The keys of a policy file, in the order in which they are printed, and the bounds of their values.

What a key means stands in `drainer.core.policy`; whether keys contradict each other, in `soundness`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from drainer.core.model import EventSource
from drainer.core.policy import (
    EVENT_TYPES,
    BackendChoice,
    BudgetChoice,
    Egress,
    HealthCheck,
    Hook,
    Match,
    Rule,
    StuckAfter,
)
from drainer.policyfile.shapes import (
    Choice,
    Either,
    Layer,
    ListOf,
    Overrides,
    Record,
    Span,
    Text,
    Whole,
    Word,
)
from drainer.policyfile.shapes import record as record_of
from drainer.ports import BackendKind

LATER_BUDGETS = frozenset({"document", "blob", "fleetlock"})
DEFAULT_BACKEND = "health-probe"
DEFAULT_HEALTH = HealthCheck(http="http://127.0.0.1:80/healthz")
NO_HEALTH = HealthCheck()

URL = r"^https?://[^\s/?#@]+(/[^\s#]*)?$"
HOST_PORT = r"^(\[[0-9A-Fa-f:.]+\]|[^\s:/\[\]]+):[0-9]{1,5}$"


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyFile:
    """A policy as its file spells it. Without `backend`: the `health-probe` layer as it comes."""

    version: int
    service_ports: tuple[int, ...] = (80,)
    health: HealthCheck = DEFAULT_HEALTH
    backend: tuple[BackendChoice, ...] = ()
    budget: BudgetChoice = field(default_factory=BudgetChoice)
    keep_last: bool = True
    min_in_service: int = 1
    stuck_after: StuckAfter = field(default_factory=StuckAfter)
    egress: Egress = Egress.UNKNOWN
    system_log: bool = True
    hooks: tuple[Hook, ...] = ()
    rules: tuple[Rule, ...]


_COMMAND = ListOf(item=Text(words="text", pattern=r"^[\s\S]+$"), least=1)
_BRIEF = Span(least=timedelta(milliseconds=100), most=timedelta(hours=1))
_WAITED_FOR = Span(least=timedelta(milliseconds=100), most=timedelta(minutes=1))
"""The deciding thread waits for it: longer, and whoever watches the daemon takes it for dead."""

_A_DAY = Span(most=timedelta(days=1))

BOUNDS: Overrides = {
    (PolicyFile, "version"): Whole(least=1, most=1),
    (PolicyFile, "service_ports"): ListOf(item=Whole(least=1, most=65535), least=1),
    (PolicyFile, "min_in_service"): Whole(least=0, most=10_000),
    (PolicyFile, "budget"): Word(word="none", means=BudgetChoice(), later=LATER_BUDGETS),
    (HealthCheck, "http"): Text(words="an http:// or https:// address", pattern=URL),
    (HealthCheck, "tcp"): Text(words="HOST:PORT", pattern=HOST_PORT),
    (HealthCheck, "command"): _COMMAND,
    (HealthCheck, "passes"): Whole(least=1, most=1000),
    (HealthCheck, "every"): _BRIEF,
    (HealthCheck, "timeout"): _WAITED_FOR,
    (StuckAfter, "event"): Either(shapes=(Word(word="never", means=None), Span(least=timedelta(minutes=1)))),
    (Hook, "command"): _COMMAND,
    (Hook, "timeout"): _WAITED_FOR,
    (Match, "type"): Text(choices=EVENT_TYPES),
    (Match, "source"): Choice(members={each.value: each for each in EventSource if each.value}),
    (Match, "duration_below"): Span(least=timedelta(milliseconds=1)),
    (Rule, "force"): _A_DAY,
    (Rule, "drain_timeout"): _A_DAY,
    (Rule, "quiet_for"): _A_DAY,
    (Rule, "settle"): _A_DAY,
}


def policy_shape(backends: Mapping[str, BackendKind]) -> Record:
    """The shape of a whole policy file, where these backends are known."""
    layer = Layer(kinds={name: record_of(kind.options) for name, kind in backends.items()})
    health = Either(shapes=(Word(word="none", means=NO_HEALTH), record_of(HealthCheck, BOUNDS)))
    whole: Overrides = {
        **BOUNDS,
        (PolicyFile, "health"): health,
        (PolicyFile, "backend"): ListOf(item=layer),
        (PolicyFile, "rules"): ListOf(item=record_of(Rule, BOUNDS), least=1),
    }
    return record_of(PolicyFile, whole)
