"""A world in one process under a manual clock: the shipped core, reconciler and journal over fakes."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from drainer.act import Ports
from drainer.alarms import Scene
from drainer.approvals import MemoryApprovals
from drainer.backends.fake import Balancer, FakeBackend
from drainer.clock import ManualClock
from drainer.core.episode import Episode, State
from drainer.core.model import (
    AckAnswer,
    At,
    Document,
    Event,
    EventSource,
    EventStatus,
    Failing,
    Footing,
    Go,
    Health,
    Healthy,
    HookAnswer,
    InFlight,
    Instant,
    NotBefore,
    SourceKind,
    Stage,
    Standing,
    Unreadable,
    Vm,
    Work,
)
from drainer.core.policy import BackendChoice, Policy, Rule
from drainer.core.record import Finished
from drainer.core.step import Step, Wait, name_of
from drainer.core.wish import Wish
from drainer.errors import Broken, DrainerError
from drainer.journal import Journal, MemoryStore
from drainer.log import Log
from drainer.ports import Backend, Budget, HookCall, Store
from drainer.reconcile import Reconciler, Tick

START = datetime(2026, 1, 1, tzinfo=UTC)


def seconds(value: float) -> timedelta:
    return timedelta(seconds=value)


def reboot(
    event_id: str = "E1",
    *,
    type: str = "Reboot",
    status: EventStatus = EventStatus.SCHEDULED,
    not_before: NotBefore | None = None,
    resources: tuple[str, ...] = ("vm1",),
    source: EventSource = EventSource.PLATFORM,
    duration: timedelta | None = None,
) -> Event:
    """A Reboot of vm1 four minutes after the world begins, unless told otherwise."""
    return Event(
        id=event_id,
        type=type,
        status=status,
        not_before=not_before or At(at=START + timedelta(minutes=4)),
        resources=resources,
        source=source,
        duration=duration,
    )


class ScriptedFeed:
    """A document that the test writes. Acknowledging is recorded."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.events: tuple[Event, ...] = ()
        self.blind: Unreadable | None = None
        self.footing = Footing.STEADY
        self.skew = timedelta(0)
        self.incarnation: int | None = None
        self.acknowledged: list[str] = []
        self.answers: list[AckAnswer | DrainerError] = []

    def latest(self) -> Document | Unreadable:
        if self.blind is not None:
            return self.blind
        return Document(
            source=SourceKind.SCHEDULED_EVENTS,
            vm=Vm(name="vm1", id="id-1"),
            events=self.events,
            read_at=self.clock.now(),
            footing=self.footing,
            skew=self.skew,
            incarnation=self.incarnation,
        )

    def acknowledge(self, event_id: str) -> AckAnswer:
        self.acknowledged.append(event_id)
        answer = self.answers.pop(0) if self.answers else AckAnswer.DONE
        if isinstance(answer, DrainerError):
            raise answer
        return answer


class Application:
    """The application as its port sees it: connections open, healthy or not."""

    def __init__(self) -> None:
        self.work: Work = InFlight(count=0)
        self.health: Health = Healthy()
        self.checks = 0

    def in_flight(self) -> Work:
        return self.work

    def check(self) -> Health:
        self.checks += 1
        return self.health

    def fail(self) -> None:
        self.health = Failing(reason="not ready")


class ScriptedHooks:
    """Answers hooks from a script; Go when it runs out."""

    def __init__(self) -> None:
        self.answers: list[HookAnswer | DrainerError] = []
        self.calls: list[HookCall] = []

    def run(self, call: HookCall, *, timeout: timedelta, stopping: object) -> HookAnswer:
        self.calls.append(call)
        answer = self.answers.pop(0) if self.answers else Go()
        if isinstance(answer, DrainerError):
            raise answer
        return answer


class Said:
    """A system log that remembers."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def write(self, level: str, message: str) -> None:
        self.lines.append(f"{level} {message}")


class Died(BaseException):
    """The process is gone. Nothing of ours catches it."""


class MortalStore(MemoryStore):
    """A disk that outlives its process, which dies at the write it was told to."""

    def __init__(self) -> None:
        super().__init__()
        self.writes = 0
        self.dies_before: int | None = None
        self.dies_after: int | None = None
        self.full: Broken | None = None

    def append(self, line: str) -> None:
        number = self.writes
        self.writes += 1
        if number == self.dies_before:
            raise Died(f"before write {number}")
        if self.full is not None:
            raise self.full
        super().append(line)
        if number == self.dies_after:
            raise Died(f"after write {number}")


class Layer(FakeBackend):
    """A fake layer of any name, so that a policy may have several."""

    def __init__(self, name: str, clock: ManualClock, *, cordons: bool = True, isolates: bool = True) -> None:
        super().__init__(Balancer((name,)), clock, cordons=cordons, isolates=isolates)
        self.name = name

    @property
    def standing(self) -> Standing:
        return self.balancer.entries[self.name].standing


class World:
    """Everything around one sidecar. `steps` are the names of the steps taken, waits left out.

    `two`: a probe that cordons over a pool that only removes, instead of one layer that does both.
    """

    def __init__(
        self,
        *rules: Rule,
        two: bool = False,
        layers: Sequence[Backend] | None = None,
        store: Store | None = None,
        budget: Budget | None = None,
        stages: frozenset[Stage] = frozenset(),
        policy: Policy | None = None,
        reconciler: type[Reconciler] = Reconciler,
    ) -> None:
        self.clock = ManualClock(START)
        self.balancer = Balancer()
        self.fake = FakeBackend(self.balancer, self.clock)
        self.probe = Layer("probe", self.clock, isolates=False)
        self.pool = Layer("pool", self.clock, cordons=False)
        self.feed = ScriptedFeed(self.clock)
        self.application = Application()
        self.hooks = ScriptedHooks()
        self.said = Said()
        self.store: Store = store or MemoryStore()
        self.log = io.StringIO()
        self.steps: list[str] = []
        self.outcomes: list[Finished] = []
        self.policy = policy or Policy(
            rules=rules or (Rule(),), backend=(BackendChoice(name="fake", options=None),)
        )
        self.ports = Ports(
            clock=self.clock,
            feed=self.feed,
            layers=tuple(layers or ((self.probe, self.pool) if two else (self.fake,))),
            connections=self.application,
            health=self.application,
            hooks=self.hooks,
            approvals=MemoryApprovals("vm1"),
            system_log=self.said,
            budget=budget,
            hook_stages=stages,
        )
        self._reconciler = reconciler
        self.reconciler = self._life()

    def _life(self) -> Reconciler:
        reconciler = self._reconciler(
            ports=self.ports,
            journal=Journal(self.store, self.clock),
            policy=self.policy,
            log=Log(self.clock.now, self.log),
        )
        reconciler.acted = self._acted
        return reconciler

    def _acted(self, step: Step, outcomes: tuple[Finished, ...]) -> None:
        self.steps.append(name_of(step))
        self.outcomes += outcomes

    @property
    def state(self) -> State:
        return self.reconciler.journal.state

    @property
    def episode(self) -> Episode:
        """The open episode; fails the test where none is open."""
        assert self.state.episode is not None
        return self.state.episode

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The log so far."""
        return [json.loads(line) for line in self.log.getvalue().splitlines()]

    @property
    def events(self) -> list[str]:
        """Names of the log's lines so far."""
        return [line["event"] for line in self.lines]

    def scene(self, tick: Tick, *, started: Instant) -> Scene:
        """What the alarms look at, as the daemon shows it to them."""
        return Scene(
            now=tick.seen.now,
            document=tick.seen.document,
            tick=tick,
            journal=self.reconciler.journal,
            memory=self.reconciler.memory,
            started=started,
        )

    def wish(self, wish: Wish) -> None:
        self.reconciler.wish(wish, by="test")

    @property
    def now(self) -> Instant:
        return self.clock.now()

    @property
    def open(self) -> bool:
        return self.state.episode is not None

    def restart(self, *, boot: str = "") -> None:
        """The process dies without a word and starts again, on a new boot where one is named."""
        if boot:
            self.clock.reboot(boot=boot, took=timedelta(minutes=1))
        self.reconciler = self._life()

    def tick(self) -> Tick:
        return self.reconciler.run_to_wait()

    def pass_time(self, by: timedelta, *, step: timedelta = timedelta(seconds=1)) -> Tick:
        """Let time go by, ticking; the last tick."""
        tick = self.tick()
        end = self.clock.now().wall + by
        while self.clock.now().wall < end:
            self.clock.advance(min(step, end - self.clock.now().wall))
            tick = self.tick()
        return tick

    def waits_for(self, tick: Tick) -> str:
        assert isinstance(tick.step, Wait)
        return tick.step.reason

    def wait_for(self, reason: str, *, within: timedelta = timedelta(minutes=10)) -> Tick:
        """Let time go by until the world waits for this; fails the test otherwise."""
        end = self.clock.now().wall + within
        tick = self.tick()
        while self.waits_for(tick) != reason:
            assert self.clock.now().wall < end, f"waits for {self.waits_for(tick)}, not {reason}"
            self.clock.advance(seconds(1))
            tick = self.tick()
        return tick

    def with_ports(self, **changes: object) -> None:
        self.ports = replace(self.ports, **changes)  # type: ignore[arg-type]
        self.reconciler = self._life()
