"""The ports of one simulated sidecar: fakes whose every verb its referee sees first.

They act as fakes do and judge nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from drainer.approvals import Board, MemoryApprovals
from drainer.backends.fake import Balancer, FakeBackend
from drainer.budgets.memory import LASTS, MemoryBudget
from drainer.core.model import (
    AckAnswer,
    Denied,
    Document,
    Granted,
    HookAnswer,
    Membership,
    Phase,
    Progress,
    SourceKind,
    Standing,
    Unreadable,
    Vm,
    later,
)
from drainer.errors import Transient
from drainer.log import Level, Log
from drainer.ports import HookCall
from tests.world import Died, MortalStore, ScriptedFeed, ScriptedHooks, seconds

if TYPE_CHECKING:
    from tests.simulate.fleet import Fleet
    from tests.simulate.sidecar import Sidecar

Answer = TypeVar("Answer")

LATE_ACK_LANDS_IN = 5.0


class WatchedLayer(FakeBackend):
    """One layer of one VM; its siblings in the same pool count as other members."""

    def __init__(
        self, vm: Sidecar, name: str, entries: tuple[str, ...], *, cordons: bool, isolates: bool
    ) -> None:
        super().__init__(Balancer(entries), vm.clock, cordons=cordons, isolates=isolates)
        self.name = name
        self._vm = vm

    @property
    def takes_work(self) -> bool:
        return any(entry.takes_work for entry in self.balancer.entries.values())

    @property
    def is_out(self) -> bool:
        return all(entry.standing is Standing.OUT for entry in self.balancer.entries.values())

    @property
    def late(self) -> bool:
        """A write is still in the air."""
        return bool(self.balancer._late)

    def disarm(self) -> None:
        self._faults.clear()

    def others(self) -> int:
        return self.balancer.others + self._vm.fleet.siblings_in_service(self._vm, self.name)

    def in_service_count(self) -> int:
        return self.others()

    def cordon(self) -> Progress:
        self._vm.referee.before_cordon(self)
        return super().cordon()

    def isolate(self, was: Membership) -> Progress:
        self._vm.referee.before_isolate(self, was)
        return super().isolate(was)

    def restore(self, was: Membership) -> Progress:
        self._vm.referee.before_restore(self, was)
        return super().restore(was)


class WatchedFeed(ScriptedFeed):
    """This VM's own document. `lands_late`: the next answer is lost, and the platform hears it later."""

    def __init__(self, vm: Sidecar) -> None:
        super().__init__(vm.clock)
        self._vm = vm
        self.lands_late = False

    def latest(self) -> Document | Unreadable:
        if self.blind is not None:
            return self.blind
        return Document(
            source=SourceKind.SCHEDULED_EVENTS,
            vm=Vm(name=self._vm.name, id=f"id-{self._vm.name}"),
            events=self.events,
            read_at=self.clock.now(),
            footing=self.footing,
            skew=self._vm.skew(),
            incarnation=self.incarnation,
        )

    def acknowledge(self, event_id: str) -> AckAnswer:
        self._vm.referee.before_acknowledge(event_id)
        if self.lands_late:
            self.lands_late = False
            self._vm.fleet.after(LATE_ACK_LANDS_IN, lambda: self._vm.fleet.hear(event_id))
            raise Transient("no-answer", "the answer was lost")
        answer = super().acknowledge(event_id)
        self._vm.fleet.hear(event_id)
        self._vm.referee.answered(event_id)
        return answer


class WatchedHooks(ScriptedHooks):
    """Hooks whose script may be told how long to ask for by the VM's own clock."""

    def __init__(self, vm: Sidecar) -> None:
        super().__init__()
        self._vm = vm

    def run(self, call: HookCall, *, timeout: timedelta, stopping: object) -> HookAnswer:
        self._vm.referee.before_quiet_verb(f"hook {call.stage.value}")
        return super().run(call, timeout=timeout, stopping=stopping)


class WatchedApprovals(MemoryApprovals):
    """Where siblings say that they are drained."""

    def __init__(self, vm: Sidecar, board: Board) -> None:
        super().__init__(vm.name, board)
        self._sidecar = vm

    def publish(self, event_id: str) -> None:
        self._sidecar.referee.before_publish(event_id)
        super().publish(event_id)


class FleetBudget(MemoryBudget):
    """The shared ledger by the platform's clock. Answers may be lost, before or after they counted."""

    def __init__(self, vm: Sidecar, fleet: Fleet) -> None:
        assert fleet.ledger is not None
        super().__init__(fleet.ledger, holder=vm.name, clock=fleet.clock)
        self._vm = vm
        self.denies = False
        self.loses: list[bool] = []

    def acquire(self, phase: Phase, *, forced: bool) -> Granted | Denied:
        self._vm.referee.before_acquire(phase, forced=forced)
        now = self._vm.clock.now()
        if self.denies and not forced:
            return Denied(reason="full", retry_at=later(now, seconds(5)))
        answer = self._answered(lambda: super(FleetBudget, self).acquire(phase, forced=forced))
        self._vm.referee.after_acquire()
        if isinstance(answer, Denied):
            return Denied(reason=answer.reason, retry_at=later(now, seconds(10)))
        return Granted(until=later(now, LASTS[phase]), forced=answer.forced)

    def release(self) -> None:
        self._vm.referee.before_quiet_verb("release")
        self._answered(super().release)

    def _answered(self, verb: Callable[[], Answer]) -> Answer:
        lost = self.loses.pop() if self.loses else None
        if lost is False:
            raise Transient("budget-no-answer", "the question was lost")
        answer = verb()
        if lost is True:
            raise Transient("budget-no-answer", "the answer was lost")
        return answer


class Disk(MortalStore):
    """A disk that outlives its process, and may be left with half a line at its end."""

    def __init__(self) -> None:
        super().__init__()
        self.tears = False

    @property
    def last(self) -> str:
        return self.lines[-1] if self.lines else ""

    def append(self, line: str) -> None:
        if not self.complete:
            self.lines.pop()
            self.complete = True
        try:
            super().append(line)
        except Died:
            if self.tears and self.lines[-1:] != [line]:
                self.lines.append(line[: len(line) // 2])
                self.complete = False
            raise

    def reserve(self) -> None:
        if self.full is not None:
            raise self.full


class Silence(Log):
    """A log that nobody reads; writing one costs more than deciding."""

    def write(self, level: Level, event: str, values: dict[str, object]) -> None:
        return
