"""A seeded walk of the shipped code through faults, crashes, operators and blindness, then into calm.

One seed is one story: the same seed tells the same story for ever. What is walked is the whole decision
path (observe, assess, decide, journal, act) over fakes; only time and the world are made up.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from drainer.backends.fake import Fault
from drainer.budgets.memory import Ledger, MemoryBudget
from drainer.core.model import (
    AckAnswer,
    At,
    Blank,
    Denied,
    EventStatus,
    Granted,
    Healthy,
    InFlight,
    Phase,
    Stage,
    Standing,
    later,
)
from drainer.core.step import Wait
from drainer.core.wish import Hold, Resume, Wish
from drainer.errors import DrainerError, Transient
from drainer.reconcile import Reconciler
from tests.crash.referee import UNREAD, Owner, Referee, WatchedFeed, WatchedLayer
from tests.world import Died, MortalStore, World, reboot, seconds

MOVES = 40
STRIDE = 4.0
CALM_STRIDE = 10.0
CALM = timedelta(minutes=12)


class FlakyBudget(MemoryBudget):
    """A budget whose answers may be lost, before or after they counted, or be no."""

    def __init__(self, ledger: Ledger, world: World) -> None:
        super().__init__(ledger, holder="vm1", clock=world.clock)
        self.world = world
        self.denies = False
        self.loses: list[bool] = []

    def acquire(self, phase: Phase, *, forced: bool) -> Granted | Denied:
        if self.denies and not forced:
            return Denied(reason="full", retry_at=later(self.world.now, seconds(5)))
        lost = self.loses.pop() if self.loses else None
        answer = super().acquire(phase, forced=forced) if lost is not False else None
        if lost is not None or answer is None:
            raise Transient("budget-no-answer", "the answer was lost")
        return answer

    def release(self) -> None:
        lost = self.loses.pop() if self.loses else None
        if lost is not False:
            super().release()
        if lost is not None:
            raise Transient("budget-no-answer", "the answer was lost")


@dataclass(slots=True)
class Walk:
    """One story. `told` is what happened, for whoever has to read a red test."""

    seed: int
    reconciler: type[Reconciler] = Reconciler
    told: list[str] = field(default_factory=list)
    chance: random.Random = field(init=False)
    referee: Referee = field(init=False)
    world: World = field(init=False)
    store: MortalStore = field(init=False)
    budget: FlakyBudget | None = field(init=False, default=None)
    events: int = field(init=False, default=0)
    boots: int = field(init=False, default=1)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self.store = MortalStore()
        self.referee = Referee(owners={"probe": Owner.IN, "pool": Owner.IN})
        stages = frozenset(Stage) if self.chance.random() < 0.3 else frozenset()
        world = World(two=True, store=self.store, stages=stages, reconciler=self.reconciler)
        self.world = self.referee.world = world
        world.feed = WatchedFeed(self.referee, world.clock)
        world.probe = WatchedLayer(self.referee, "probe", world.clock, cordons=True)
        world.pool = WatchedLayer(self.referee, "pool", world.clock, cordons=False)
        ledger = Ledger(max_unavailable=1) if self.chance.random() < 0.5 else None
        self.budget = FlakyBudget(ledger, world) if ledger else None
        self.referee.ledger = ledger
        world.with_ports(feed=world.feed, layers=(world.probe, world.pool), budget=self.budget)

    # --- the story ---

    def run(self) -> list[str]:
        """Every violation of this story, safety and ending alike."""
        for _ in range(MOVES):
            move = self.chance.choice(WORLD_MOVES)
            self.tell(move.__name__.lstrip("_"))
            move(self)
            self.pass_time(self.chance.choice((0, 0, 1, 1, 3, 8, 40)))
        if self.chance.random() < 0.5:
            self.calm_under_threat()
        self.calm_down()
        return self.referee.violations

    def tell(self, what: str) -> None:
        self.told.append(f"{self.world.now.wall:%H:%M:%S} {what}")

    def pass_time(self, span: float, stride: float = STRIDE) -> None:
        left = span
        self.tick()
        while left > 0:
            step = min(left, stride)
            self.world.clock.advance(seconds(step))
            left -= step
            self.tick()

    def tick(self) -> None:
        taken = len(self.world.steps)
        try:
            tick = self.world.tick()
        except Died as death:
            self.live_again(death)
            return
        if self.world.steps[taken:]:
            self.tell("stepped " + " ".join(self.world.steps[taken:]))
        if not isinstance(tick.step, Wait):
            self.referee.blame(f"livelock at {tick.decision.row}")
        if not self.referee.blind:
            readable = {s.name for s in tick.seen.layers if not hasattr(s.reading, "reason")}
            self.referee.unseen -= readable

    def wish(self, wish: Wish) -> None:
        try:
            self.world.wish(wish)
        except Died as death:
            self.live_again(death)

    def live_again(self, death: Died) -> None:
        self.tell(f"died {death}")
        self.store.dies_before = self.store.dies_after = None
        reboots = self.chance.random() < 0.3
        self.boots += reboots
        self.world.restart(boot=f"boot-{self.boots}" if reboots else "")

    # --- calm ---

    def calm_under_threat(self) -> None:
        """Faults stop and a notice stays: the VM ends drained, removed and acknowledged."""
        self.faults_end()
        self.events += 1
        soon = At(at=self.world.now.wall + timedelta(minutes=4))
        event_id = f"E{self.events}"
        self.world.feed.events = (reboot(event_id, not_before=soon),)
        self.tell(f"calm under {event_id}")
        self.pass_time(230, CALM_STRIDE)
        if not self.world.open or self.world.episode.yielded:
            return
        if Standing.IN in (self.world.probe.standing, self.world.pool.standing):
            self.referee.blame("a threat stayed for ever, and the VM takes work still")
        if event_id not in self.world.feed.acknowledged:
            self.referee.blame("a drain was proven and never acknowledged")

    def calm_down(self) -> None:
        """Faults stop and everything is quiet: closed, as its owners want it, with no lease."""
        self.faults_end()
        self.world.feed.events = ()
        self.tell("calm")
        self.pass_time(CALM.total_seconds(), CALM_STRIDE)
        if self.world.open:
            self.referee.blame("stuck open")
        for layer in (self.world.probe, self.world.pool):
            wanted = self.referee.owners[layer.name]
            if wanted is not Owner.EITHER and (layer.standing is Standing.IN) is not (wanted is Owner.IN):
                self.referee.blame(f"{layer.name} ended {layer.standing.value}, wanted {wanted.value}")
        if self.referee.ledger is not None and self.referee.ledger.live(self.world.now):
            self.referee.blame("the lease leaked")

    def faults_end(self) -> None:
        world = self.world
        world.feed.blind = None
        world.feed.answers = []
        world.hooks.answers = []
        world.application.health = Healthy()
        world.application.work = InFlight(count=0)
        for layer in (world.probe, world.pool):
            layer.balancer.readable = True
            layer._faults.clear()
            layer.balancer.others = 2
        self.store.dies_before = self.store.dies_after = None
        if self.budget is not None:
            self.budget.denies = False
            self.budget.loses = []
        self.wish(Resume())


# --- what may befall the world --------------------------------------------------------------------


def notice_appears(walk: Walk) -> None:
    walk.events += 1
    ahead = walk.chance.choice((20, 65, 100, 240))
    not_before = At(at=walk.world.now.wall + seconds(ahead))
    kind = walk.chance.choice(("Reboot", "Reboot", "Redeploy", "Freeze"))
    event = reboot(f"E{walk.events}", type=kind, not_before=not_before)
    walk.world.feed.events = (*walk.world.feed.events[-1:], event)


def notice_starts(walk: Walk) -> None:
    walk.world.feed.events = tuple(
        reboot(event.id, type=event.type, status=EventStatus.STARTED, not_before=Blank(), resources=names)
        for event in walk.world.feed.events
        if isinstance(names := event.resources, tuple)
    )


def notice_vanishes(walk: Walk) -> None:
    walk.world.feed.events = walk.world.feed.events[:-1]


def foreign_notice(walk: Walk) -> None:
    walk.events += 1
    not_before = At(at=walk.world.now.wall + seconds(30))
    foreign = reboot(f"E{walk.events}", resources=("vm10", "xvm1"), not_before=not_before)
    walk.world.feed.events = (*walk.world.feed.events, foreign)


def document_blinds(walk: Walk) -> None:
    walk.world.feed.blind = None if walk.world.feed.blind else UNREAD


def document_is_back(walk: Walk) -> None:
    walk.world.feed.blind = None


def layer_blinds(walk: Walk) -> None:
    layer = _layer(walk)
    layer.balancer.readable = not layer.balancer.readable


def layers_are_back(walk: Walk) -> None:
    walk.world.probe.balancer.readable = walk.world.pool.balancer.readable = True


def verbs_fail(walk: Walk) -> None:
    _layer(walk).arm(*walk.chance.choices(list(Fault), k=walk.chance.randint(1, 3)))


def acknowledging_fails(walk: Walk) -> None:
    lost = Transient("no-answer", "the answer was lost")
    answers: list[list[AckAnswer | DrainerError]] = [[lost], [lost, lost], [AckAnswer.GONE]]
    walk.world.feed.answers = walk.chance.choice(answers)


def budget_fails(walk: Walk) -> None:
    if walk.budget is not None:
        walk.budget.denies = walk.chance.random() < 0.5
        walk.budget.loses = walk.chance.choices((True, False), k=2)


def process_dies(walk: Walk) -> None:
    at = walk.store.writes + walk.chance.randint(0, 6)
    if walk.chance.random() < 0.5:
        walk.store.dies_before = at
    else:
        walk.store.dies_after = at


def work_comes_and_goes(walk: Walk) -> None:
    walk.world.application.work = InFlight(count=walk.chance.choice((0, 0, 2)))


def health_changes(walk: Walk) -> None:
    if walk.chance.random() < 0.5:
        walk.world.application.fail()
    else:
        walk.world.application.health = Healthy()


def others_change(walk: Walk) -> None:
    walk.world.probe.balancer.others = walk.chance.choice((0, 2, 2))


def operator_holds(walk: Walk) -> None:
    walk.wish(Hold(until=walk.world.now.wall + seconds(walk.chance.choice((10, 60)))))


def operator_takes_out(walk: Walk) -> None:
    """Ambiguous while a write of ours, or an act of theirs that nobody has seen, is in the air."""
    layer = _layer(walk)
    if layer.standing is not Standing.IN:
        return
    episode = walk.world.state.episode
    ours = episode is not None and episode.layer(layer.name).intended
    crossing = ours or layer.name in walk.referee.unseen or bool(layer.balancer._late)
    layer.balancer.take_out(layer.name)
    walk.referee.owners[layer.name] = Owner.EITHER if crossing else Owner.OUT


def operator_puts_in(walk: Walk) -> None:
    layer = _layer(walk)
    if layer.standing is Standing.IN:
        return
    layer.balancer.put_in(layer.name)
    walk.referee.owners[layer.name] = Owner.IN
    walk.referee.unseen.add(layer.name)


def _layer(walk: Walk) -> WatchedLayer:
    layer = walk.chance.choice((walk.world.probe, walk.world.pool))
    assert isinstance(layer, WatchedLayer)
    return layer


def nothing(walk: Walk) -> None:
    """Time goes by."""


WORLD_MOVES: tuple[Callable[[Walk], None], ...] = (
    *(nothing,) * 4,
    *(notice_appears,) * 4,
    *(notice_vanishes,) * 4,
    notice_starts,
    foreign_notice,
    document_blinds,
    *(document_is_back,) * 2,
    *(layer_blinds,) * 2,
    *(layers_are_back,) * 2,
    *(verbs_fail,) * 3,
    acknowledging_fails,
    budget_fails,
    *(process_dies,) * 3,
    *(work_comes_and_goes,) * 2,
    health_changes,
    others_change,
    operator_holds,
    operator_takes_out,
    operator_puts_in,
)
