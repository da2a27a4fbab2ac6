"""What the reconciler asks of the outside, as Protocols. Adapters stand behind them, one folder per port.

Every verb is idempotent, and may have happened even if it raised. Every verb is bounded in time, or
returns early with `Pending`. Every verb raises only the errors of `drainer.errors`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol, runtime_checkable

from drainer.core.model import (
    AckAnswer,
    Denied,
    Document,
    Granted,
    Health,
    HookAnswer,
    Instant,
    Membership,
    Phase,
    Progress,
    Stage,
    Unmeasured,
    Unreadable,
    Work,
)
from drainer.management import Arm

AnyOptions = Any


class Clock(Protocol):
    """The one reader of time."""

    def now(self) -> Instant: ...

    def uptime(self) -> timedelta:
        """Time since this machine booted."""
        ...


class EventFeed(Protocol):
    """A metadata service that may hold notices."""

    def observe(self) -> Document | Unreadable:
        """Read once. Never raises: what cannot be believed is `Unreadable`."""
        ...

    def acknowledge(self, event_id: str) -> AckAnswer:
        """Tell the platform that it may start this event.

        Raises Transient (try again) or Refused (the platform calls the request wrong: a bug, no retry; or
        the source knows no acknowledgement).
        """
        ...

    def close(self) -> None: ...


class Backend(Protocol):
    """One layer: one balancer's view of this VM."""

    @property
    def name(self) -> str: ...

    @property
    def cordons(self) -> bool:
        """It can stop new work softly (probe, drain state)."""
        ...

    @property
    def isolates(self) -> bool:
        """It removes hard after the drain (leaving a pool, maintenance state)."""
        ...

    @property
    def read_every(self) -> timedelta:
        """How long a reading stays good where nothing of ours is under way. Zero: always read afresh."""
        ...

    @property
    def settles_in(self) -> timedelta:
        """The longest time after which a write whose answer was lost can still land."""
        ...

    def membership(self) -> Membership:
        """Read this VM's entries. An answer with no entries is Out; no answer raises."""
        ...

    def in_flight(self) -> Work:
        """Work the balancer itself still counts on this VM. `Unmeasured` where it does not count."""
        ...

    def cordon(self) -> Progress:
        """Stop new work on every entry that takes it. An entry that is out already is left as it is."""
        ...

    def isolate(self, was: Membership) -> Progress:
        """Remove hard the entries that `was` shows as IN; touch no other.

        Only called after the drain, or at its deadline.
        """
        ...

    def restore(self, was: Membership) -> Progress:
        """Give back exactly the entries that `was` shows as IN, as they were; touch no other.

        An entry that no longer exists is dropped and reported through Refused kind "entry-gone" only when
        none is left to give back.
        """
        ...

    def in_service_count(self) -> int | Unmeasured:
        """How many *other* members take new work now. `Unmeasured` where the layer cannot tell."""
        ...

    def undo(self) -> str:
        """The exact command by which a person undoes the cordon by hand."""
        ...

    def close(self) -> None: ...


class Connections(Protocol):
    """This VM's own established connections on the service ports."""

    def in_flight(self) -> Work:
        """Count them: without those to itself, of the probe's sources and of our own checks."""
        ...


class Budget(Protocol):
    """How many of the fleet may be out at once. Recursive: asking twice uses one place.

    No lease lasts longer than `LONGEST_LEASE`.
    """

    def acquire(self, phase: Phase, *, forced: bool) -> Granted | Denied: ...

    def release(self) -> None:
        """Give the lease back; nothing held is success."""
        ...


class Approvals(Protocol):
    """Where siblings named by one event tell each other that they are drained."""

    def publish(self, event_id: str) -> None: ...

    def published(self, event_id: str) -> frozenset[str]:
        """Names of the VMs that published this event, this one included."""
        ...


class HealthCheck(Protocol):
    def check(self) -> Health:
        """One deep check, bounded by the policy's timeout. Never raises."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class HookCall:
    """What a hook is told. Durations in seconds; instants RFC 3339."""

    stage: Stage
    episode: str
    vm: str
    event_ids: tuple[str, ...]
    event_types: tuple[str, ...]
    not_before: str
    dry_run: bool = False


class Hooks(Protocol):
    def run(self, call: HookCall, *, timeout: timedelta, stopping: Callable[[], bool]) -> HookAnswer:
        """Run every hook of the stage in order; the first answer that is not Go wins. Raises Transient."""
        ...


class Store(Protocol):
    """The journal's storage: lines in, lines out, each safe on disk before `append` returns."""

    complete: bool
    """Whether the last line read ended with its newline."""

    def load(self) -> Sequence[str]: ...

    def append(self, line: str) -> None:
        """Raises Broken kind "journal-unwritable"."""
        ...

    def keep(self) -> None:
        """See that every line is there, or write them again. Raises Broken kind "journal-unwritable"."""
        ...

    def reserve(self) -> None:
        """Keep room for one episode's records, and see that they could be appended.

        Raises Broken kind "journal-unwritable", or "journal-full" where there is no room alone.
        """
        ...

    def replace(self, lines: Sequence[str]) -> None:
        """Put these lines in place of all, at once or not at all. Raises Broken."""
        ...

    def size(self) -> int: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What wiring gives every backend beside its options.

    `vm_name` answers "" until the VM's own name is known. `service_ports` are the policy's. `arm` None: there
    is no management API here. `egress_verified`: the policy vouches for a way out that is not the pool.
    `meanwhile` is to be called again and again in a wait of many seconds: it shows that the daemon is alive.
    """

    clock: Clock
    vm_name: Callable[[], str]
    service_ports: tuple[int, ...]
    arm: Arm | None = None
    egress_verified: bool = False
    meanwhile: Callable[[], None] = lambda: None


@runtime_checkable
class Resting(Protocol):
    """A backend whose reading costs something: it is asked only while a notice or an episode calls for it."""

    def rest(self) -> None:
        """Nothing is announced: let go of whatever a reading needs. Called often; never raises."""
        ...


@runtime_checkable
class Guarded(Protocol):
    """A backend that leaves itself alone where acting could not be undone."""

    @property
    def refusal(self) -> str:
        """Why nothing is removed here now, with what would cure it; "" where nothing speaks against it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What a balancer itself remembers of our taking this VM out. `entries`: all that was taken, as IN.

    `vm_id` "": the mark does not say whose it is.
    """

    vm_id: str
    entries: Membership
    since: str


@runtime_checkable
class Marking(Protocol):
    """A backend that leaves an owner mark in the same write that takes this VM out."""

    def mark(self) -> Mark | None:
        """The mark that stands now, None where there is none. Raises as `membership` does."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendKind:
    """What a backend exports: its name in policies, its Options type, and how to build it.

    `options` is a frozen dataclass. The policy loader reads its fields (str, int, bool, float, timedelta,
    Enum, tuples of these, `X | None`, nested frozen dataclasses) and their defaults; `__post_init__` may
    raise ValueError("FIELD: expected …, got …"), which the loader shows at that field's line and column.
    A third party registers one under the entry-point group "drainer.backends".
    """

    name: str
    options: type[AnyOptions]
    build: Callable[[AnyOptions, Surroundings], Backend]


class SystemLog(Protocol):
    """The machine's own log: syslog, or the Windows EventLog. Never raises."""

    def write(self, level: str, message: str) -> None:
        """`level` is info, warning or error; `message` is one line."""
        ...
