"""One simulated VM: its sidecar (the shipped reconciler and journal), its clock, disk and lives."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from drainer.act import Ports
from drainer.clock import ManualClock
from drainer.core.episode import State
from drainer.core.model import Event, InFlight, Instant, Stage
from drainer.core.naming import names_vm
from drainer.core.policy import Policy
from drainer.core.record import Finished
from drainer.core.step import Step, name_of
from drainer.core.wish import Wish
from drainer.errors import Broken
from drainer.journal import Journal
from drainer.reconcile import Reconciler, Tick
from drainer.wiring import tightened
from tests.simulate.referee import Referee
from tests.simulate.watched import (
    Disk,
    FleetBudget,
    Silence,
    WatchedApprovals,
    WatchedFeed,
    WatchedHooks,
    WatchedLayer,
)
from tests.world import START, Application, Said, seconds

if TYPE_CHECKING:
    from tests.simulate.fleet import Fleet

BOOT_S = 30.0
"""How long a machine is away when it reboots."""

SHAPES: dict[str, tuple[tuple[str, bool, bool], ...]] = {
    "probe over pool": (("probe", True, False), ("pool", False, True)),
    "one that does both": (("both", True, True),),
    "pool alone": (("pool", False, True),),
    "probe over both": (("probe", True, False), ("both", True, True)),
}
"""Layers by name, whether they cordon and whether they isolate."""


class Sidecar:
    """`steps`: what the running tick did. `down_until`: by the platform's clock; None: it runs."""

    def __init__(
        self,
        name: str,
        fleet: Fleet,
        *,
        shape: str,
        entries: int,
        stages: frozenset[Stage],
        policy: Policy,
        reconciler: type[Reconciler] = Reconciler,
    ) -> None:
        self.name = name
        self.fleet = fleet
        self.clock = ManualClock(START)
        self.disk = Disk()
        self.application = Application()
        self.feed = WatchedFeed(self)
        self.hooks = WatchedHooks(self)
        self.budget = FleetBudget(self, fleet) if fleet.ledger else None
        self.layers = tuple(
            WatchedLayer(self, layer, _entries(layer, entries), cordons=cordons, isolates=isolates)
            for layer, cordons, isolates in SHAPES[shape]
        )
        self.policy = policy
        self.next_policy: Policy | None = None
        self.referee = Referee(self)
        self.down_until: datetime | None = None
        self.boots = 1
        self.lives = 0
        self.steps: list[str] = []
        self.outcomes = 0
        self._kind = reconciler
        self._ports = Ports(
            clock=self.clock,
            feed=self.feed,
            layers=self.layers,
            connections=self.application,
            health=self.application,
            hooks=self.hooks,
            approvals=WatchedApprovals(self, fleet.board),
            system_log=Said(),
            budget=self.budget,
            hook_stages=stages,
        )
        self.reconciler = self._life()

    # --- its lives ---

    def _life(self) -> Reconciler:
        self.lives += 1
        reconciler = self._kind(
            ports=self._ports,
            journal=Journal(self.disk, self.clock),
            policy=self.policy,
            log=Silence(self.clock.now),
        )
        reconciler.acted = self._acted
        return reconciler

    def _acted(self, step: Step, outcomes: tuple[Finished, ...]) -> None:
        self.steps += (f"{name_of(step)} {outcome.outcome.value}" for outcome in outcomes)
        self.outcomes += len(outcomes)

    def die(self, *, away_s: float = 0.0) -> None:
        """The process ends without a word; another begins after a while, from what is on disk now."""
        self.disk.dies_before = self.disk.dies_after = None
        self.down_until = self.fleet.now + seconds(away_s)
        if self.reconciler.journal.unrecorded:  # it forgets that it gave back: their hand looks like ours
            for layer in self.layers:
                self.referee.owners.blur(layer.balancer.entries)
        self.reconciler = self._life()
        self.referee.live_again()

    def reboot(self) -> None:
        """The machine ends, whatever runs on it, and is back after a while."""
        self.referee.before_reboot()
        self.boots += 1
        self.clock.reboot(boot=f"{self.name}-boot-{self.boots}")
        self.application.work = InFlight(count=0)
        self.die(away_s=BOOT_S)

    def is_up(self) -> bool:
        """Whether it runs; it is begun anew where it is due."""
        if self.down_until is None:
            return True
        if self.fleet.now < self.down_until:
            return False
        self.come_back()
        return True

    def come_back(self) -> None:
        self.down_until = None
        if self.next_policy is not None and self.state.episode is not None:
            self.reconciler.policy = tightened(self.policy, self.next_policy)

    # --- what it does ---

    def tick(self) -> Tick:
        self.steps.clear()
        tick = self.reconciler.run_to_wait()
        if self.next_policy is not None and self.state.episode is None:
            self._take_next()
        return tick

    def wish(self, wish: Wish) -> None:
        """An operator asks; what cannot be recorded is not granted."""
        if self.down_until is not None:
            return
        try:
            self.reconciler.wish(wish, by="test")
        except Broken:
            return

    def reload(self, policy: Policy) -> None:
        """As the daemon does it: its rules tighten while an episode is open, the rest waits for Close."""
        self.next_policy = policy
        self.referee.policies.append(policy)
        if self.down_until is None and self.state.episode is not None:
            self.reconciler.policy = tightened(self.policy, policy)
            self.referee.policies.append(self.reconciler.policy)

    def _take_next(self) -> None:
        assert self.next_policy is not None
        self.policy, self.next_policy = self.next_policy, None
        memory = self.reconciler.memory
        self.reconciler = self._life()
        self.reconciler.memory.carry_on(memory)

    # --- what is known of it ---

    @property
    def state(self) -> State:
        return self.reconciler.journal.state

    @property
    def now(self) -> Instant:
        return self.clock.now()

    @property
    def notices(self) -> tuple[Event, ...]:
        """What really names it, whether or not it can be read."""
        return tuple(event for event in self.feed.events if names_vm(event, self.name))

    @property
    def is_busy(self) -> bool:
        """Something may happen to it before long."""
        state = self.state
        if state.episode is not None or state.wishes.drain is not None or self.down_until is not None:
            return True
        return any(event.id not in state.wishes.skips for event in self.notices)

    def layer(self, name: str) -> WatchedLayer:
        return next(layer for layer in self.layers if layer.name == name)

    def skew(self) -> timedelta:
        """The platform's clock minus its own, in whole seconds as an HTTP date has it."""
        return seconds(round((self.fleet.now - self.now.wall).total_seconds()))

    def believed_now(self) -> datetime:
        """The platform's time as this life last heard it."""
        return self.now.wall + self.reconciler.memory.skew


def _entries(layer: str, count: int) -> tuple[str, ...]:
    return (layer,) if count == 1 else tuple(f"{layer}-{number}" for number in range(1, count + 1))
