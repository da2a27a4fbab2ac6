"""A balancer in memory: the reference of the backend contract, for tests, dry runs and demonstrations.

`Balancer` is the world, which outlives any number of adapters; `FakeBackend` is one adapter onto it.
Faults are armed one by one and used up by the next verb.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import Enum

from drainer.core.model import (
    Done,
    Entry,
    InFlight,
    Instant,
    Membership,
    Progress,
    Standing,
    Unmeasured,
    Work,
    elapsed,
)
from drainer.errors import Refused, Transient
from drainer.ports import BackendKind, Clock, Surroundings

SETTLES_IN = timedelta(seconds=5)


class Fault(Enum):
    """What befalls the next verb."""

    LOST_BEFORE = "lost-before"  # it never arrived
    LOST_AFTER = "lost-after"  # it acted, its answer was lost
    LANDS_LATE = "lands-late"  # it raised, and acts `SETTLES_IN` later
    PARTIAL = "partial"  # it acted on the first entry alone, then broke off


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Names of this VM's entries, what the layer can do, and how many other members take work."""

    entries: tuple[str, ...] = ("fake",)
    cordons: bool = True
    isolates: bool = True
    others: int = 2

    def __post_init__(self) -> None:
        if len(set(self.entries)) != len(self.entries):
            raise ValueError(f"entries: expected different names, got {', '.join(self.entries)}")
        if not (self.cordons or self.isolates):
            raise ValueError("cordons: expected cordons or isolates to be true, got neither")
        if self.others < 0:
            raise ValueError(f"others: expected 0 or more, got {self.others}")


class Balancer:
    """The world: entries, and writes that are still in the air."""

    def __init__(self, entries: Iterable[str] = ("fake",), *, others: int = 2) -> None:
        self.entries = {name: Entry(name=name, standing=Standing.IN) for name in entries}
        self.generation = 1
        self.others = others
        self.sessions = 0
        self.readable = True
        self.reads_until_out = 0
        self._leaving: dict[str, int] = {}
        self._late: list[tuple[Instant, Callable[[], None]]] = []

    def take_out(self, name: str, *, isolated: bool = False) -> None:
        """An operator's act."""
        self.entries[name] = replace(self.entries[name], standing=Standing.OUT, isolated=isolated)

    def put_in(self, name: str) -> None:
        """An operator's act."""
        self.entries[name] = replace(self.entries[name], standing=Standing.IN, isolated=False)

    def remove(self, name: str) -> None:
        """An operator deletes the entry itself."""
        del self.entries[name]

    def restart(self) -> None:
        """The balancer starts anew and forgets what it was told."""
        self.generation += 1
        for name in self.entries:
            self.put_in(name)

    def read(self, now: Instant) -> Membership:
        self.land(now)
        if not self.readable:
            raise Transient("fake-unreadable", "the balancer gives no answer")
        for name in tuple(self._leaving):
            self._confirm(name)
        return Membership(entries=tuple(self.entries.values()), generation=str(self.generation))

    def write(self, entry: Entry) -> None:
        """Make `entry` the truth; one that was deleted meanwhile stays deleted."""
        if entry.name not in self.entries:
            return
        leaves = entry.standing is Standing.OUT and self.entries[entry.name].standing is Standing.IN
        if leaves and self.reads_until_out:
            self._leaving[entry.name] = self.reads_until_out
            entry = replace(entry, standing=Standing.LEAVING)
        self.entries[entry.name] = entry

    def postpone(self, act: Callable[[], None], now: Instant) -> None:
        self._late.append((now, act))

    def land(self, now: Instant) -> None:
        """Let every write come down whose time has come."""
        for late in tuple(self._late):
            sent_at, act = late
            if elapsed(sent_at, now) >= SETTLES_IN:
                self._late.remove(late)
                act()

    def _confirm(self, name: str) -> None:
        """One more reading of an entry on its way out."""
        if self._leaving[name] > 0:
            self._leaving[name] -= 1
            return
        del self._leaving[name]
        entry = self.entries.get(name)
        if entry is not None and entry.standing is Standing.LEAVING:
            self.entries[name] = replace(entry, standing=Standing.OUT)


class FakeBackend:
    """One adapter onto a `Balancer`. Knows nothing that the balancer could tell."""

    name = "fake"
    read_every = timedelta(0)
    settles_in = SETTLES_IN

    def __init__(
        self, balancer: Balancer, clock: Clock, *, cordons: bool = True, isolates: bool = True
    ) -> None:
        self.balancer = balancer
        self._clock = clock
        self._cordons = cordons
        self._isolates = isolates
        self._faults: deque[Fault] = deque()

    @property
    def cordons(self) -> bool:
        return self._cordons

    @property
    def isolates(self) -> bool:
        return self._isolates

    def arm(self, *faults: Fault) -> None:
        """The next verbs meet these, one each."""
        self._faults.extend(faults)

    def membership(self) -> Membership:
        return self.balancer.read(self._clock.now())

    def in_flight(self) -> Work:
        if not self.balancer.readable:
            return Unmeasured(reason="the balancer gives no answer")
        return InFlight(count=self.balancer.sessions)

    def cordon(self) -> Progress:
        """Where the layer cannot cordon softly, removal is its cordon."""
        if not self._cordons:
            return self.isolate(self.membership())
        taking = (entry for entry in self.membership().entries if entry.standing is Standing.IN)
        return self._write([replace(entry, standing=Standing.OUT) for entry in taking])

    def isolate(self, was: Membership) -> Progress:
        ours = [entry for entry in self.membership().entries if entry.name in was.taking_work]
        return self._write([replace(e, standing=Standing.OUT, isolated=True) for e in ours])

    def restore(self, was: Membership) -> Progress:
        present = {entry.name: entry for entry in self.membership().entries}
        if was.taking_work and not was.taking_work & present.keys():
            raise Refused("entry-gone", f"no longer there: {', '.join(sorted(was.taking_work))}")
        back = [entry for entry in was.entries if entry.name in was.taking_work & present.keys()]
        return self._write([entry for entry in back if entry != present[entry.name]])

    def in_service_count(self) -> int | Unmeasured:
        return self.balancer.others

    def undo(self) -> str:
        return f"put in by hand: {' '.join(self.balancer.entries)}"

    def close(self) -> None:
        """Nothing is held."""

    def _write(self, entries: list[Entry]) -> Progress:
        def act(some: list[Entry] = entries) -> None:
            for entry in some:
                self.balancer.write(entry)

        match self._faults.popleft() if self._faults else None:
            case None:
                act()
                return Done()
            case Fault.LOST_BEFORE:
                pass
            case Fault.LOST_AFTER:
                act()
            case Fault.PARTIAL:
                act(entries[:1])
            case Fault.LANDS_LATE:
                self.balancer.postpone(act, self._clock.now())
        raise Transient("fake-no-answer", "the answer was lost")


def build(options: Options, around: Surroundings) -> FakeBackend:
    balancer = Balancer(options.entries, others=options.others)
    return FakeBackend(balancer, around.clock, cordons=options.cordons, isolates=options.isolates)


KIND = BackendKind(name="fake", options=Options, build=build)
