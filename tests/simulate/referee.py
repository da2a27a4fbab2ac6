"""What may never happen to one VM, judged before each verb with eyes that no daemon has.

The referee sees whose will an entry's standing is, the notices that are really there, and the shared budget.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from drainer.core.episode import Episode
from drainer.core.model import (
    EventStatus,
    InFlight,
    Membership,
    Phase,
    Standing,
    Unreadable,
    elapsed,
)
from drainer.core.policy import Acknowledge, Policy
from drainer.reconcile import Tick
from tests.simulate.notices import Notices
from tests.simulate.owners import Owner, Owners

if TYPE_CHECKING:
    from tests.simulate.sidecar import Sidecar
    from tests.simulate.watched import WatchedLayer

FORCED = '"forced":true'


class Referee:
    """`violations` are sentences; none is a clean story. `fair`: nothing goes wrong in it."""

    def __init__(self, vm: Sidecar) -> None:
        self.vm = vm
        self.fair = False
        self.owners = Owners()
        self.policies: list[Policy] = [vm.policy]
        self.notices = Notices(vm, self.policies)
        self.violations: list[str] = []
        self._answers: dict[str, int] = {}

    def blame(self, sentence: str) -> None:
        self.violations.append(f"{self.vm.name}: {sentence}")

    # --- out ---

    def before_cordon(self, layer: WatchedLayer) -> None:
        self._before_out(layer, "cordon")
        self._before_cordoning(layer)

    def before_isolate(self, layer: WatchedLayer, was: Membership) -> None:
        self._before_out(layer, "isolate")
        if self._is_face(layer) and not layer.cordons:
            self._before_cordoning(layer)  # where no layer cordons, removal is the cordon
            return
        if self.notices.blind:
            self.blame("isolated blind")
        touched = (entry for entry in layer.balancer.entries.values() if entry.name in was.taking_work)
        for entry in touched:
            if self.owners.of(entry.name) is Owner.OUT and not entry.isolated:
                self.blame(f"isolated {entry.name}, which an operator took out")
        self._before_removal(layer)

    def _before_out(self, layer: WatchedLayer, verb: str) -> None:
        """Past force an unread layer that was In is cordoned; who took it out then, nobody can tell."""
        if not layer.balancer.readable:
            self.owners.blur(layer.balancer.entries)
        if self._held():
            self.blame(f"{verb} {layer.name} under hold")
        if self.notices.blind:
            if not self._forced_by_journal():
                self.blame(f"{verb} {layer.name} blind, before force")
        elif not self.notices.may_threaten():
            self.blame(f"{verb} {layer.name} without a notice")

    def _before_cordoning(self, layer: WatchedLayer) -> None:
        vm = self.vm
        face = self._face()
        counted = all(x.balancer.readable for x in face) and any(x.takes_work for x in face)
        if counted and vm.reconciler.policy.keep_last and min(x.others() for x in vm.layers) == 0:
            self.blame(f"cordon {layer.name} although no other member is in service")
        if vm.budget is not None and not self._leases() and FORCED not in vm.disk.last:
            self.blame(f"cordon {layer.name} without a lease, and no force on record")

    def _before_removal(self, layer: WatchedLayer) -> None:
        vm, episode = self.vm, self._episode()
        if episode.cordoned_at is None:
            self.blame(f"isolated {layer.name} although no cordon was noted")
            return
        drained = vm.application.work == InFlight(count=0) and all(x.is_out for x in self._face())
        patience = min(rule.drain_timeout for policy in self.policies for rule in policy.rules)
        waited = elapsed(episode.cordoned_at, vm.now) >= patience
        if not drained and not waited and not self.notices.time_is_up():
            self.blame(f"isolated {layer.name} before the drain ended")

    # --- back ---

    def before_restore(self, layer: WatchedLayer, was: Membership) -> None:
        if self.notices.blind:
            self.blame(f"restored {layer.name} blind")
        elif self.notices.threatens():
            self.blame(f"restored {layer.name} under threat")
        if self._held():
            self.blame(f"restored {layer.name} under hold")
        for entry in layer.balancer.entries.values():
            if entry.name in was.taking_work and self.owners.of(entry.name) is Owner.OUT:
                self.blame(f"restored {entry.name}, which an operator took out")

    def before_quiet_verb(self, verb: str) -> None:
        """Hooks and releases: nothing that is done while nobody can tell whether there is a threat."""
        if self.notices.blind:
            self.blame(f"{verb} blind")

    # --- budget ---

    def before_acquire(self, phase: Phase, *, forced: bool) -> None:
        lease = self._episode().lease
        if self.notices.blind and lease.phase is not phase:
            self.blame(f"acquired {phase.value} blind, which is no renewal")
        if forced and not self._past_force():
            self.blame("forced the budget before force")

    def after_acquire(self) -> None:
        ledger = self.vm.fleet.ledger
        assert ledger is not None
        unforced = [lease for lease in ledger.live(self.vm.fleet.clock.now()) if not lease.forced]
        if len(unforced) > ledger.max_unavailable:
            self.blame(f"{len(unforced)} unforced leases of {ledger.max_unavailable}")

    def _leases(self) -> list[Phase]:
        ledger = self.vm.fleet.ledger
        if ledger is None:
            return []
        live = ledger.live(self.vm.fleet.clock.now())
        return [lease.phase for lease in live if lease.holder == self.vm.name]

    # --- acknowledging ---

    def before_publish(self, event_id: str) -> None:
        self.before_quiet_verb("published")
        self._before_word(event_id, "published", unproven=False)

    def before_acknowledge(self, event_id: str) -> None:
        event = next((event for event in self.vm.notices if event.id == event_id), None)
        if self.notices.blind:
            self.blame(f"acknowledged {event_id} blind")
        if event is None or event.status is not EventStatus.SCHEDULED:
            self.blame(f"acknowledged {event_id}, which is not Scheduled")
            return
        if event_id in self._episode().acknowledged:
            self.blame(f"acknowledged {event_id} although its answer is journalled")
        if self._answers.get(event_id) == self.vm.lives:
            self.blame(f"acknowledged {event_id} again, and its answer was heard")
        alone = event.resources == (self.vm.name,)
        rules = (rule for policy in self.policies for rule in policy.rules)
        unproven = alone and any(rule.acknowledge is Acknowledge.AT_DRAIN_END for rule in rules)
        self._before_word(event_id, "acknowledged", unproven=unproven)
        named = {vm.name for vm in self.vm.fleet.named(event)} - {self.vm.name}
        if not named <= self.vm.fleet.board[event_id]:
            self.blame(f"acknowledged {event_id} before its siblings were drained")
        takes_lease = event.type not in ("Preempt", "Terminate")
        if self.vm.budget is not None and takes_lease and self._leases() != [Phase.REBOOTING]:
            self.blame(f"acknowledged with the lease {[phase.value for phase in self._leases()]}")

    def answered(self, event_id: str) -> None:
        self._answers[event_id] = self.vm.lives

    def unlisted(self, event_id: str) -> None:
        """What vanished and comes back is a notice of its own."""
        self._answers.pop(event_id, None)

    def _before_word(self, event_id: str, verb: str, *, unproven: bool) -> None:
        busy = self.vm.application.work != InFlight(count=0)
        seen_out = all(layer.is_out and layer.balancer.readable for layer in self.vm.layers)
        if (busy or not seen_out) and not unproven:
            self.blame(f"{verb} {event_id} without proof")

    # --- lives ---

    def before_reboot(self) -> None:
        """Where nothing went wrong, no machine goes down while it takes new work."""
        if self.fair and any(layer.takes_work for layer in self.vm.layers):
            self.blame("rebooted while serving")

    def live_again(self) -> None:
        """A life that ended between the intent and the cordon of an unread layer: who took it out, nobody
        can tell, as after the cordon itself.
        """
        self.notices.recall()
        episode = self.vm.state.episode
        for layer in self.vm.layers:
            crossed = episode is not None and episode.layer(layer.name).intended
            if crossed and not layer.balancer.readable:
                self.owners.blur(layer.balancer.entries)

    def after_tick(self, tick: Tick) -> None:
        self.notices.look()
        if not self.notices.blind:
            readable = (s.name for s in tick.seen.layers if not isinstance(s.reading, Unreadable))
            self.owners.unseen.difference_update(readable)

    def at_the_end(self) -> None:
        """Faults are over and all is quiet: closed, as its owners want it, with no lease."""
        if self.vm.state.episode is not None:
            self.blame("stuck open")
        for layer in self.vm.layers:
            for entry in layer.balancer.entries.values():
                wanted = self.owners.of(entry.name)
                is_in = entry.standing is Standing.IN
                if wanted is not Owner.EITHER and is_in is not (wanted is Owner.IN):
                    self.blame(f"{entry.name} ended {entry.standing.value}, wanted {wanted.value}")
        if self._leases():
            self.blame("the lease leaked")

    # --- what it knows ---

    def _episode(self) -> Episode:
        episode = self.vm.state.episode
        assert episode is not None, "nothing is touched without an episode"
        return episode

    def _face(self) -> tuple[WatchedLayer, ...]:
        return tuple(layer for layer in self.vm.layers if layer.cordons) or self.vm.layers[:1]

    def _is_face(self, layer: WatchedLayer) -> bool:
        return layer in self._face()

    def _held(self) -> bool:
        until = self.vm.state.wishes.hold_until
        return until is not None and self.vm.now.wall < until

    def _past_force(self) -> bool:
        wishes, force_at = self.vm.state.wishes, self._episode().force_without(self.vm.state.wishes.skips)
        return wishes.force_at is not None or (force_at is not None and force_at <= self.vm.believed_now())

    def _forced_by_journal(self) -> bool:
        """The table's exception to "blind changes nothing"."""
        episode = self._episode()
        return episode.quiet_since is None and not episode.yielded and self._past_force()
