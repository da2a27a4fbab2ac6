"""What the traffic is: a plan, its schedule, and what became of each request. Values only.

All instants are seconds of the event loop's clock, which on Linux is `time.monotonic`, the same in all
processes.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address

Span = tuple[float, float]
"""From, until."""


class Kind(StrEnum):
    """`FRESH` opens a connection of its own; the others use their client's kept connections."""

    FRESH = "fresh"
    KEPT = "kept"
    SLOW = "slow"
    POST = "post"


class Why(StrEnum):
    """Why a request failed. `LOCAL` is the generator's own fault: no descriptor, no port, no route."""

    REFUSED = "refused"
    RESET = "reset"
    CLOSED = "closed"
    TIMEOUT = "timeout"
    STATUS = "status"
    WRONG = "wrong"
    LOCAL = "local"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to send where. `mix` holds the weight of each kind; `duration_s` is where the schedule ends."""

    host: str
    port: int
    rate: float = 60.0
    duration_s: float = 60.0
    seed: int = 1
    clients: int = 30
    first_client: str = "127.0.1.1"
    mix: tuple[tuple[Kind, float], ...] = (
        (Kind.FRESH, 0.45),
        (Kind.KEPT, 0.40),
        (Kind.POST, 0.10),
        (Kind.SLOW, 0.05),
    )
    slow_s: float = 1.0
    timeout_s: float = 10.0

    def __post_init__(self) -> None:
        for name in ("rate", "duration_s", "clients", "timeout_s"):
            if getattr(self, name) <= 0:
                raise ValueError(f"plan: {name}: expected more than 0, got {getattr(self, name)}")
        if sum(weight for _, weight in self.mix) <= 0:
            raise ValueError("plan: mix: expected a weight above 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One request of the schedule, `after_s` its start."""

    number: int
    after_s: float
    kind: Kind
    client: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of one request. `vm` is "" where nobody answered; `opened`: it opened its connection, so
    the balancer placed it now and not earlier."""

    number: int
    kind: Kind
    client: str
    scheduled_at: float
    started_at: float
    finished_at: float
    vm: str = ""
    opened: bool = True
    why: Why | None = None
    detail: str = ""

    @property
    def ok(self) -> bool:
        return self.why is None


def arrivals(plan: Plan) -> Iterator[Arrival]:
    """The schedule: the same for the same plan, one request in every slot of 1/rate seconds."""
    draw = random.Random(plan.seed)  # a seed that can be repeated, nothing secret  # nosec B311
    kinds, weights = zip(*plan.mix, strict=True)
    first = ip_address(plan.first_client)
    for number in range(int(plan.rate * plan.duration_s)):
        yield Arrival(
            number=number,
            after_s=(number + draw.random()) / plan.rate,
            kind=draw.choices(kinds, weights)[0],
            client=str(first + draw.randrange(plan.clients)),
        )
