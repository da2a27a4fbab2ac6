"""The truth of a walked world, and what may never happen in it.

The referee sees what no daemon can: whose will an entry's standing is, and the notices that are really there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from drainer.budgets.memory import Ledger
from drainer.clock import ManualClock
from drainer.core.model import (
    AckAnswer,
    EventStatus,
    InFlight,
    Membership,
    Phase,
    Progress,
    Standing,
    Unreadable,
)
from drainer.core.naming import names_vm
from tests.world import Layer, ScriptedFeed, World


class Owner(Enum):
    """What the owners of the pool want of an entry."""

    IN = "in"
    OUT = "out"
    EITHER = "either"  # an operator's act crossed ours: nobody can tell


@dataclass(slots=True)
class Referee:
    """`violations` are sentences; an empty list is a clean walk."""

    owners: dict[str, Owner]
    violations: list[str] = field(default_factory=list)
    world: World | None = None
    ledger: Ledger | None = None
    unseen: set[str] = field(default_factory=set)

    def blame(self, sentence: str) -> None:
        self.violations.append(sentence)

    @property
    def threatened(self) -> bool:
        """A notice that names this VM is listed, whether or not it can be read."""
        assert self.world is not None
        return any(names_vm(event, "vm1") for event in self.world.feed.events)

    @property
    def blind(self) -> bool:
        assert self.world is not None
        return self.world.feed.blind is not None

    @property
    def held(self) -> bool:
        assert self.world is not None
        until = self.world.state.wishes.hold_until
        return until is not None and self.world.now.wall < until

    def before_out(self, layer: WatchedLayer, verb: str) -> None:
        """A cordon, or a removal in a cordon's place or after it."""
        world = self.world
        assert world is not None
        if self.held:
            self.blame(f"{verb} {layer.name} under hold")
        takes_work = world.probe.standing is Standing.IN and world.probe.balancer.readable
        if world.probe.balancer.others == 0 and takes_work:
            self.blame(f"{verb} {layer.name} although no other member is in service")
        if not self.blind and not self.threatened:
            self.blame(f"{verb} {layer.name} without a notice")
        if verb == "isolate":
            self._before_isolate(layer)

    def before_cordon(self, layer: WatchedLayer) -> None:
        """Past force an unread layer that was In is cordoned; who took it out then, nobody can tell."""
        unread = not layer.balancer.readable
        if unread and self.owners[layer.name] is Owner.OUT:
            self.owners[layer.name] = Owner.EITHER
        self.before_out(layer, "cordon")

    def _before_isolate(self, layer: WatchedLayer) -> None:
        world = self.world
        assert world is not None
        if self.blind:
            self.blame("isolated blind")
        episode = world.episode
        if episode.cordoned_at is None:
            self.blame("isolated although no cordon was noted")
            return
        quiet = isinstance(world.application.work, InFlight) and world.application.work.count == 0
        drained = quiet and world.probe.standing is Standing.OUT
        waited = (world.now.wall - episode.cordoned_at.wall).total_seconds()
        started = any(event.status is EventStatus.STARTED for event in world.feed.events)
        force = episode.force_at
        past = started or waited >= 120 or (force is not None and world.now.wall >= force)
        if not drained and not past:
            self.blame(f"isolated {layer.name} before the drain ended")

    def before_restore(self, layer: WatchedLayer) -> None:
        if self.threatened and not self.blind:
            self.blame(f"restored {layer.name} under threat")
        if self.blind:
            self.blame(f"restored {layer.name} blind")
        if self.held:
            self.blame(f"restored {layer.name} under hold")
        if self.owners[layer.name] is Owner.OUT:
            self.blame(f"restored {layer.name}, which an operator took out")

    def before_acknowledge(self, event_id: str) -> None:
        world = self.world
        assert world is not None
        if event_id in world.episode.acknowledged:
            self.blame(f"acknowledged {event_id} although its answer is journalled")
        busy = world.application.work != InFlight(count=0)
        if busy or any(layer.standing is not Standing.OUT for layer in (world.probe, world.pool)):
            self.blame("acknowledged without proof")
        if self.ledger is not None:
            held = [lease.phase for lease in self.ledger.live(world.now) if lease.holder == "vm1"]
            if held != [Phase.REBOOTING]:
                self.blame(f"acknowledged with the lease {held}")


class WatchedLayer(Layer):
    """A fake layer whose verbs the referee sees."""

    def __init__(self, referee: Referee, name: str, clock: ManualClock, *, cordons: bool) -> None:
        super().__init__(name, clock, cordons=cordons, isolates=not cordons)
        self._referee = referee

    def cordon(self) -> Progress:
        self._referee.before_cordon(self)
        return super().cordon()

    def isolate(self, was: Membership) -> Progress:
        self._referee.before_out(self, "isolate")
        return super().isolate(was)

    def restore(self, was: Membership) -> Progress:
        self._referee.before_restore(self)
        return super().restore(was)


class WatchedFeed(ScriptedFeed):
    """A document whose acknowledgements the referee sees."""

    def __init__(self, referee: Referee, clock: ManualClock) -> None:
        super().__init__(clock)
        self._referee = referee

    def acknowledge(self, event_id: str) -> AckAnswer:
        self._referee.before_acknowledge(event_id)
        return super().acknowledge(event_id)


UNREAD = Unreadable(kind="no-answer", reason="silence")
