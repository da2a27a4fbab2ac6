"""Reconcilers that think wrongly on purpose. A walk that lets one of them pass has no teeth."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from drainer.core.assess import Assessment, Observation, assess
from drainer.core.decide import Decision, decide
from drainer.core.episode import State, all_in
from drainer.core.model import Document, EventStatus, Face, Instant, SourceKind, Unreadable, Vm
from drainer.core.situation import Layer, Lease, Situation
from drainer.reconcile import Reconciler


class Mutant(Reconciler):
    """One wrong belief, between what was seen and what is decided."""

    def _decided(self, seen: Observation) -> tuple[Observation, Assessment, Decision]:
        seen = self.sees(seen)
        assessment = assess(seen, self.believes(self.journal.state), self.policy)
        situation = self.weighs(assessment.situation)
        return seen, replace(assessment, situation=situation), decide(situation)

    def sees(self, seen: Observation) -> Observation:
        return seen

    def believes(self, state: State) -> State:
        return state

    def weighs(self, situation: Situation) -> Situation:
        return situation


class BlindReadAsEmpty(Mutant):
    """A document that cannot be read holds no notices."""

    def sees(self, seen: Observation) -> Observation:
        if not isinstance(seen.document, Unreadable):
            return seen
        empty = Document(source=SourceKind.SCHEDULED_EVENTS, vm=Vm(name=""), events=(), read_at=seen.now)
        return replace(seen, document=empty)


class OwnsByOutcomes(Mutant):
    """Ours is what was answered, not what was intended."""

    def weighs(self, situation: Situation) -> Situation:
        layers = tuple(replace(x, intended=x.intended and x.done) for x in situation.layers)
        return replace(situation, layers=layers)


class ReleasesOnlyWhatItHolds(Mutant):
    """A lease whose grant was not heard needs no release."""

    def weighs(self, situation: Situation) -> Situation:
        return replace(situation, release_owed=situation.lease is not Lease.NONE)


class MatchesSubstrings(Mutant):
    """A notice is ours if it has our name in it somewhere."""

    def sees(self, seen: Observation) -> Observation:
        if not isinstance(seen.document, Document):
            return seen
        name = seen.document.vm.name
        events = tuple(
            replace(event, resources=(name,)) if name in str(event.resources) else event
            for event in seen.document.events
        )
        return replace(seen, document=replace(seen.document, events=events))


class AcknowledgesUnproven(Mutant):
    """The platform may go ahead as soon as we have begun."""

    def weighs(self, situation: Situation) -> Situation:
        acks = tuple(replace(ack, unproven=True) for ack in situation.acks)
        return replace(situation, acks=acks, before_deadline=False)


class KeepsTheFirstCordonedAt(Mutant):
    """The drain deadline counts from the first cordon of the episode, not from the last."""

    def believes(self, state: State) -> State:
        episode = state.episode
        if episode is None:
            self._first: tuple[str, Instant] | None = None
            return state
        first = getattr(self, "_first", None)
        if episode.cordoned_at is not None and (first is None or first[0] != episode.id):
            self._first = first = (episode.id, episode.cordoned_at)
        if first is None or first[0] != episode.id or episode.cordoned_at is None:
            return state
        return replace(state, episode=replace(episode, cordoned_at=first[1]))


class IsolatesBeforeTheDrainEnded(Mutant):
    """Why wait for connections to end?"""

    def weighs(self, situation: Situation) -> Situation:
        return replace(situation, before_deadline=False)


class ClosesOverWritesInTheAir(Mutant):
    """A write that was not answered did not happen."""

    def weighs(self, situation: Situation) -> Situation:
        layers = tuple(replace(layer, unsettled=False) for layer in situation.layers)
        return replace(situation, layers=layers, lease_unsettled=False)


class BudgetVetoesForEver(Mutant):
    """A budget may hold a VM past force, and so may any soft gate."""

    def weighs(self, situation: Situation) -> Situation:
        return replace(situation, past_force=False)


class JudgesTheWholeNotTheLayer(Mutant):
    """If one layer is ours, all of them are."""

    def weighs(self, situation: Situation) -> Situation:
        ours = any(layer.intended for layer in situation.layers)
        layers = tuple(replace(x, intended=ours, was_in=True) for x in situation.layers)
        return replace(situation, layers=layers)


class GatesNothing(Mutant):
    """Hold and keep-last are advice."""

    def weighs(self, situation: Situation) -> Situation:
        return replace(situation, gates=(), hold=False)


class NeverReturned(Mutant):
    """What somebody put back is still out, for all we know."""

    def weighs(self, situation: Situation) -> Situation:
        layers = tuple(replace(x, reads_in=x.reads_in and not x.intended) for x in situation.layers)
        return replace(situation, layers=layers)


class SettlesForEver(Mutant):
    """There is always another notice to come."""

    def weighs(self, situation: Situation) -> Situation:
        return replace(situation, settled=False, wake_after=timedelta(seconds=1))


class IntentForgottenAtRestart(Mutant):
    """A new life owes only what it intended itself."""

    def believes(self, state: State) -> State:
        episode = state.episode
        if episode is None or self._opened_here == episode.id:
            return state
        layers = {name: replace(facts, intended=False) for name, facts in episode.layers.items()}
        return replace(state, episode=replace(episode, layers=layers))


class RestoresWhileStarted(Mutant):
    """Once the event has started, the worst is over."""

    def sees(self, seen: Observation) -> Observation:
        if not isinstance(seen.document, Document):
            return seen
        waiting = tuple(e for e in seen.document.events if e.status is not EventStatus.STARTED)
        return replace(seen, document=replace(seen.document, events=waiting))


class HoldIsAdvice(Mutant):
    """An operator's hold yields to force."""

    def weighs(self, situation: Situation) -> Situation:
        gates = tuple(gate for gate in situation.gates if gate.name != "hold")
        return replace(situation, gates=gates, hold=False)


class KeepLastIsIgnored(Mutant):
    """The last member may go like any other."""

    def weighs(self, situation: Situation) -> Situation:
        return replace(situation, gates=tuple(g for g in situation.gates if g.name != "keep-last"))


class UnreadIsOut(Mutant):
    """A layer that cannot be read takes no work, surely."""

    def weighs(self, situation: Situation) -> Situation:
        layers = tuple(_as_if_read(layer) for layer in situation.layers)
        return replace(situation, layers=layers)


def _as_if_read(layer: Layer) -> Layer:
    return layer if layer.readable or not layer.recorded else replace(layer, face=Face.OUT)


class WorkIsOverWhenItCannotBeSeen(Mutant):
    """Connections end by themselves."""

    def weighs(self, situation: Situation) -> Situation:
        return replace(situation, busy=False)


class AcknowledgesAgain(Mutant):
    """An acknowledgement may have been lost: say it again."""

    def believes(self, state: State) -> State:
        episode = state.episode
        return (
            state if episode is None else replace(state, episode=replace(episode, acknowledged=frozenset()))
        )


class NeedsNoLeaseToReboot(Mutant):
    """The lease of the drain will do for the reboot."""

    def weighs(self, situation: Situation) -> Situation:
        return replace(situation, takes_rebooting=False)


class LeaseOutlivesTheEpisode(Mutant):
    """The next one will need it too."""

    def weighs(self, situation: Situation) -> Situation:
        return replace(situation, release_owed=False)


class IsUnwellForEver(Mutant):
    """One failed check is enough never to come back."""

    def weighs(self, situation: Situation) -> Situation:
        return replace(situation, healthy=False)


class YieldsForEver(Mutant):
    """Whoever put this VM in once meant it for every notice to come."""

    def weighs(self, situation: Situation) -> Situation:
        return replace(situation, yielded=True)


class TakesEverybodysForOurs(Mutant):
    """What is out was taken out by us, whoever did it."""

    def believes(self, state: State) -> State:
        episode = state.episode
        if episode is None:
            return state
        layers = {
            name: replace(facts, intended=True, was=None if facts.was is None else all_in(facts.was))
            for name, facts in episode.layers.items()
        }
        return replace(state, episode=replace(episode, layers=layers))


MUTANTS: tuple[type[Mutant], ...] = (
    BlindReadAsEmpty,
    OwnsByOutcomes,
    ReleasesOnlyWhatItHolds,
    MatchesSubstrings,
    AcknowledgesUnproven,
    KeepsTheFirstCordonedAt,
    IsolatesBeforeTheDrainEnded,
    ClosesOverWritesInTheAir,
    JudgesTheWholeNotTheLayer,
    GatesNothing,
    NeverReturned,
    SettlesForEver,
    BudgetVetoesForEver,
    IntentForgottenAtRestart,
    RestoresWhileStarted,
    HoldIsAdvice,
    KeepLastIsIgnored,
    UnreadIsOut,
    WorkIsOverWhenItCannotBeSeen,
    AcknowledgesAgain,
    NeedsNoLeaseToReboot,
    LeaseOutlivesTheEpisode,
    IsUnwellForEver,
    YieldsForEver,
    TakesEverybodysForOurs,
)
