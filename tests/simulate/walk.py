"""A seeded story of a fleet: the shipped code through faults, crashes, operators and blindness, then calm.

One seed is one story: the same seed tells the same story for ever. What is walked is the whole decision
path (observe, assess, decide, journal, act) of every sidecar; only time and the world are made up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from drainer.budgets.memory import Ledger
from drainer.core.model import At, Footing, Healthy, InFlight, Stage
from drainer.core.step import Wait
from drainer.core.wish import Restore, Resume
from drainer.reconcile import Reconciler
from tests.simulate.beat import Beat, chance_of
from tests.simulate.fleet import Fleet
from tests.simulate.moves_faults import FAULTS
from tests.simulate.moves_owners import OWNERS, POLICIES, nothing, work_for_a_while
from tests.simulate.moves_platform import (
    FAIR,
    PLATFORM,
    Move,
    everything_vanishes,
    notice_appears,
    notice_vanishes,
)
from tests.simulate.sidecar import SHAPES, Sidecar
from tests.world import Died, reboot, seconds

BEATS = 12
PAUSES_S = (0, 0, 1, 3, 8, 20, 45, 75)
FAIR_STRIDE_S = 5.0
STRIDES_S = (3.0, 7.0)
LONGEST_STRIDE_S = 15.0
SETUP = 999
FAIR_MOVES = (*(nothing,) * 2, *FAIR, *(work_for_a_while,) * 3)
MOVES = (*PLATFORM, *FAULTS, *OWNERS)
ALWAYS = (nothing, *(notice_appears,) * 3, everything_vanishes, notice_vanishes)
KINDS = 9
"""Kinds of moves that a bad day is made of, beside the notices: fewer kinds meet each other more often."""
CALM_STRIDES_S = (2.0, 2.0, 2.0, 5.0, 5.0, 10.0, 10.0) + (20.0,) * 5 + (60.0,) * 10
THREAT_STRIDES_S = (2.0, 2.0, 10.0, 20.0, 60.0, 60.0, 28.0, 3.0, 10.0, 26.0, 2.0, 4.0, 11.0)
FAIR_END_S = 420.0


@dataclass(slots=True)
class Walk:
    """One story. `told` is what happened, for whoever reads a red test; `beats` those that are played.

    `only`: what befalls the fleet, where a story is looked for in which certain moves meet.
    """

    seed: int
    reconciler: type[Reconciler] = Reconciler
    beats: Sequence[int] = range(BEATS)
    only: tuple[Move, ...] = ()
    told: list[str] = field(default_factory=list)
    fleet: Fleet = field(init=False)
    fair: bool = field(init=False)
    moves: tuple[Move, ...] = field(init=False)
    beat: Beat = field(init=False)
    threat_stays: bool = field(init=False)
    episodes: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        chance = chance_of(self.seed, SETUP)
        self.fair = chance.random() < 0.15 and not self.only
        ledger = Ledger(max_unavailable=chance.choice((1, 1, 2))) if chance.random() < 0.5 else None
        self.fleet = Fleet(ledger=ledger, carries_out=self.fair or chance.random() < 0.4)
        count = chance.choices((1, 2, 3, 4), weights=(45, 35, 12, 8))[0]
        policy = POLICIES[0] if self.fair else chance.choice(POLICIES[:1] * 3 + POLICIES)
        shape = chance.choice(("probe over pool", "probe over pool", *SHAPES))
        stages = frozenset(Stage) if chance.random() < 0.3 else frozenset()
        entries = chance.choice((1, 1, 2))
        self.fleet.vms = tuple(
            Sidecar(
                f"vm{number}",
                self.fleet,
                shape=shape,
                entries=entries,
                stages=stages,
                policy=policy,
                reconciler=self.reconciler,
            )
            for number in range(1, count + 1)
        )
        for vm in self.fleet.vms:
            vm.referee.fair = self.fair
        kinds = chance.sample(MOVES, KINDS)
        self.moves = self.only or (FAIR_MOVES if self.fair else (*ALWAYS, *kinds))
        self.threat_stays = chance.random() < 0.4
        self.beat = Beat(number=SETUP, fleet=self.fleet, vm=self.fleet.vms[0], chance=chance)

    # --- the story ---

    def run(self) -> list[str]:
        """Every violation of this story, safety and ending alike."""
        for number in self.beats:
            chance = chance_of(self.seed, number)
            vm = self.fleet.vms[0] if chance.random() < 0.5 else chance.choice(self.fleet.vms)
            self.beat = Beat(number=number, fleet=self.fleet, vm=vm, chance=chance)
            move = chance.choice(self.moves)
            self.tell(vm, move.__name__)
            try:
                move(self.beat)
            except Died as death:
                self._died(vm, death)
            self.pass_time(chance.choice(PAUSES_S))
        self.calm()
        return self.violations

    @property
    def setting(self) -> str:
        """What the story is played with."""
        vm, ledger = self.fleet.vms[0], self.fleet.ledger
        layers = ", ".join(f"{layer.name} of {len(layer.balancer.entries)}" for layer in vm.layers)
        places = "no budget" if ledger is None else f"{ledger.max_unavailable} may be out"
        day = "a good day" if self.fair else f"policy {vm.referee.policies[0].digest!r}"
        return f"seed {self.seed}: {len(self.fleet.vms)} VMs, {layers}; {places}; {day}"

    @property
    def violations(self) -> list[str]:
        return [sentence for vm in self.fleet.vms for sentence in vm.referee.violations]

    def tell(self, vm: Sidecar, what: str) -> None:
        self.told.append(f"{self.fleet.now:%H:%M:%S} {vm.name} {what}")

    def pass_time(self, span_s: float) -> None:
        """Those to whom something happens look as time goes by: ever more seldom, but on a good day."""
        self.look(self.beat.vm)
        left, strides = span_s, iter(STRIDES_S)
        while left > 0:
            step = min(left, FAIR_STRIDE_S if self.fair else next(strides, LONGEST_STRIDE_S))
            left -= step
            self.fleet.advance(step)
            self.look()

    def look(self, befallen: Sidecar | None = None) -> None:
        """Whoever has nothing announced and nothing owed would see what it saw before."""
        for vm in self.fleet.vms:
            if vm.is_busy or vm is befallen:
                self.tick(vm)

    def tick(self, vm: Sidecar) -> None:
        if not vm.is_up():
            return
        was_open = vm.state.episode is not None
        try:
            tick = vm.tick()
        except Died as death:
            self._died(vm, death)
            return
        except Exception as error:  # noqa: BLE001  a bug is a broken promise too, and is told as one
            vm.referee.blame(f"raised {error!r}")
            vm.die()
            return
        self.episodes += was_open and vm.state.episode is None
        if vm.steps:
            self.tell(vm, "did " + ", ".join(vm.steps))
        if not isinstance(tick.step, Wait):
            vm.referee.blame(f"livelock at {tick.decision.row}")
        vm.referee.after_tick(tick)

    def _died(self, vm: Sidecar, death: Died) -> None:
        self.tell(vm, f"died {death}")
        if self.beat.chance.random() < 0.2:
            vm.reboot()
        else:
            vm.die(away_s=self.beat.chance.choice((0, 0, 0, 12)))

    # --- calm ---

    def calm(self) -> None:
        if self.fair:
            self.fair_end()
        else:
            self.faults_end()
            self.fleet.carries_out = False
            if self.threat_stays:
                self.calm_under_threat()
        self.calm_down()

    def fair_end(self) -> None:
        """What was announced takes its course."""
        end = self.fleet.now + seconds(FAIR_END_S)
        while self.fleet.now < end and any(vm.is_busy for vm in self.fleet.vms):
            self.pass_time(FAIR_STRIDE_S)

    def calm_under_threat(self) -> None:
        """A notice stays: every VM ends drained, removed and acknowledged."""
        soon = At(at=self.fleet.now + seconds(240))
        events = tuple(reboot(f"T-{vm.name}", not_before=soon, resources=(vm.name,)) for vm in self.fleet.vms)
        for vm, event in zip(self.fleet.vms, events, strict=True):
            vm.feed.events = (event,)
            self.tell(vm, f"calm under {event.id}")
        for stride in THREAT_STRIDES_S:
            self.fleet.advance(stride)
            self.look()
        for vm, event in zip(self.fleet.vms, events, strict=True):
            episode = vm.state.episode
            if episode is None or episode.yielded:
                continue
            if any(layer.takes_work for layer in vm.layers):
                vm.referee.blame("a threat stayed for ever, and the VM takes work still")
            if event.id not in vm.feed.acknowledged:
                vm.referee.blame("a drain was proven and never acknowledged")

    def calm_down(self) -> None:
        """Everything is quiet: closed, as its owners want it, with no lease."""
        for event_id in self.fleet.listed():
            self.fleet.withdraw(event_id)
        self.tell(self.fleet.vms[0], "calm")
        for stride in CALM_STRIDES_S:
            self.fleet.advance(stride)
            self.look()
            if not any(vm.is_busy for vm in self.fleet.vms):
                break
        for vm in self.fleet.vms:
            vm.referee.at_the_end()

    def faults_end(self) -> None:
        """Nothing is in anybody's way any more, and operators have withdrawn what they asked for."""
        for vm in self.fleet.vms:
            _mend(vm)
            if vm.down_until is not None:
                vm.come_back()
            if vm.state.wishes.drain is not None:
                vm.wish(Restore())
            vm.wish(Resume())
        for event_id in self.fleet.listed():
            self.fleet.withdraw(event_id)


def _mend(vm: Sidecar) -> None:
    vm.feed.blind = None
    vm.feed.footing = Footing.STEADY
    vm.feed.answers, vm.feed.lands_late = [], False
    vm.hooks.answers = []
    vm.application.health, vm.application.work = Healthy(), InFlight(count=0)
    for layer in vm.layers:
        layer.balancer.readable = True
        layer.disarm()
        layer.balancer.others = 2
        layer.balancer.reads_until_out = 0
    vm.disk.dies_before = vm.disk.dies_after = vm.disk.full = None
    if vm.budget is not None:
        vm.budget.denies, vm.budget.loses = False, []
