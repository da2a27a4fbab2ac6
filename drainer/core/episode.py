"""The journal folded: the open episode and the operators' wishes. Pure; the same records, the same state.

`fold` is total: a record that makes no sense where it stands changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from drainer.core import wish as wishes
from drainer.core.model import Entry, Instant, Membership, Phase, Stage, Standing, later
from drainer.core.record import (
    Closed,
    Finished,
    Intended,
    Joined,
    Noted,
    Opened,
    Outcome,
    Record,
    Terms,
    Wished,
)
from drainer.core.step import Noting

YIELD_AFTER = 2
"""Times somebody may give a layer back in one episode before we take their word for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerFacts:
    """What the journal knows of one layer. `was` None: it could not be read when the episode opened.

    `attempted` and `lands_at` bound the writes of ours without a clean answer.
    """

    was: Membership | None
    intended: bool = False
    done: bool = False
    adopted: bool = False
    attempted: Instant | None = None
    lands_at: Instant | None = None
    returned: int = 0
    generation: str = ""

    def unsettled_until(self) -> tuple[Instant, ...]:
        return tuple(at for at in (self.attempted, self.lands_at) if at is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class HookFacts:
    """How a stage's hooks went: `done` (go), waits and failures so far, aborted."""

    done: bool = False
    waits: int = 0
    failures: int = 0
    aborted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseFacts:
    """The lease of this episode. `attempted`: an acquire was tried, so release is owed."""

    attempted: bool = False
    phase: Phase | None = None
    asked: Instant | None = None
    until: Instant | None = None
    lands_at: Instant | None = None
    trying: Instant | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """Open … close. Terms are those of every notice that was a threat in it."""

    id: str
    opened: Instant
    vm: str
    vm_id: str
    policy: str
    terms: Mapping[str, Terms]
    layers: Mapping[str, LayerFacts]
    failing: bool = False
    adopted: bool = False
    cordoned_at: Instant | None = None
    quiet_since: Instant | None = None
    hooks: Mapping[Stage, HookFacts] = field(default_factory=dict)
    lease: LeaseFacts = field(default_factory=LeaseFacts)
    published: frozenset[str] = frozenset()
    acknowledged: frozenset[str] = frozenset()
    yielded: bool = False
    at_once: bool = False

    @property
    def force_at(self) -> datetime | None:
        """The journalled force: the earliest of the notices' that were last seen as threats."""
        return min((t.force_at for t in self.terms.values() if t.force_at), default=None)

    def hook(self, stage: Stage) -> HookFacts:
        return self.hooks.get(stage, HookFacts())


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What operators asked for and has not run its course."""

    drain: wishes.Drain | None = None
    drain_since: Instant | None = None
    skips: frozenset[str] = frozenset()
    hold_until: datetime | None = None
    force_at: Instant | None = None
    restore: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Everything the journal says."""

    episode: Episode | None = None
    wishes: Wishes = field(default_factory=Wishes)


def fold(records: Iterable[Record], state: State | None = None) -> State:
    """The state after these records."""
    folded = state or State()
    for record in records:
        folded = after(folded, record)
    return folded


def after(state: State, record: Record) -> State:
    """The state after one more record."""
    body, at = record.body, record.at
    match body:
        case Opened():
            return replace(state, episode=_opened(body, at))
        case Wished():
            return _wished(state, body.wish, at)
        case Closed():
            return replace(state, episode=None, wishes=replace(state.wishes, restore=False, force_at=None))
    if state.episode is None:
        return state
    threat = isinstance(body, Noted) and body.what in (Noting.THREAT_RETURNED, Noting.TERMS)
    asked = replace(state.wishes, restore=False) if threat else state.wishes
    return replace(state, episode=_within(state.episode, body, at), wishes=asked)


def _within(episode: Episode, body: Joined | Noted | Intended | Finished, at: Instant) -> Episode:
    match body:
        case Joined(layers=layers):
            joined = {name: replace(_layer(episode, name), was=was) for name, was in layers.items()}
            return replace(episode, layers={**episode.layers, **joined})
        case Noted():
            return _noted(episode, body, at)
        case Intended():
            return _intended(episode, body, at)
        case Finished():
            return _finished(episode, body, at)


def _opened(body: Opened, at: Instant) -> Episode:
    return Episode(
        id=body.episode,
        opened=at,
        vm=body.vm,
        vm_id=body.vm_id,
        policy=body.policy,
        terms={terms.event_id: terms for terms in body.terms},
        layers={name: LayerFacts(was=was) for name, was in body.layers.items()},
        failing=body.failing,
    )


def _layer(episode: Episode, name: str) -> LayerFacts:
    return episode.layers.get(name, LayerFacts(was=None))


def _with_layer(episode: Episode, name: str, facts: LayerFacts) -> Episode:
    return replace(episode, layers={**episode.layers, name: facts})


# --- notes ----------------------------------------------------------------------------------------


def _noted(episode: Episode, note: Noted, at: Instant) -> Episode:
    match note.what:
        case Noting.QUIET_SINCE:
            return replace(episode, quiet_since=at)
        case Noting.THREAT_RETURNED:
            hooks = dict(episode.hooks)
            hooks.pop(Stage.BEFORE_RESTORE, None)
            return replace(
                episode, quiet_since=None, hooks=hooks, terms=_merged(episode, note), at_once=False
            )
        case Noting.CORDONED_AT:
            return replace(episode, cordoned_at=at)
        case Noting.TERMS:
            return replace(episode, terms=_merged(episode, note))
        case Noting.FAILING:
            return replace(episode, failing=True)
        case Noting.RETURNED:
            return _returned(episode, note)


def _merged(episode: Episode, note: Noted) -> Mapping[str, Terms]:
    """The terms of the notices listed now; those of notices that left are kept without their times.

    They still say what a notice that comes back meant, but force nothing.
    """
    present = {terms.event_id: terms for terms in note.terms}
    left = {
        event_id: replace(terms, force_at=None, not_before=None)
        for event_id, terms in episode.terms.items()
        if event_id not in present
    }
    return {**left, **present}


def _returned(episode: Episode, note: Noted) -> Episode:
    facts = _layer(episode, note.layer)
    same = facts.generation == note.generation
    count = (facts.returned if same else 0) + (1 if facts.done else 0)
    given_back = replace(
        facts,
        intended=facts.intended and note.partly,
        done=False,
        returned=count,
        generation=note.generation,
        attempted=None,
    )
    yielded = episode.yielded or count >= YIELD_AFTER
    return replace(_with_layer(episode, note.layer, given_back), yielded=yielded)


# --- intents and outcomes -------------------------------------------------------------------------


def _intended(episode: Episode, intent: Intended, at: Instant) -> Episode:
    touched = episode
    for name, lands_for in intent.layers.items():
        facts = _layer(touched, name)
        earlier = _latest(facts.lands_at, facts.attempted)
        taking = intent.step in ("cordon", "isolate")
        touched = _with_layer(
            touched,
            name,
            replace(
                facts,
                intended=facts.intended or taking,
                done=facts.done and intent.step != "cordon",
                attempted=later(at, lands_for),
                lands_at=earlier,
            ),
        )
    match intent.step:
        case "cordon":
            return replace(touched, cordoned_at=None)
        case "acquire":
            lease = touched.lease
            trying = later(at, intent.lands_for)
            earlier = _latest(lease.lands_at, lease.trying)
            return replace(
                touched, lease=replace(lease, attempted=True, asked=at, trying=trying, lands_at=earlier)
            )
        case _:
            return touched


def _latest(*instants: Instant | None) -> Instant | None:
    return max((at for at in instants if at is not None), key=lambda at: at.wall, default=None)


def _finished(episode: Episode, outcome: Finished, at: Instant) -> Episode:
    done = outcome.outcome in (Outcome.DONE, Outcome.GONE)
    match outcome.step:
        case "cordon" | "isolate" | "restore":
            return _written(episode, outcome, at)
        case "acquire":
            return replace(episode, lease=_leased(episode.lease, outcome))
        case "release" if done:
            return replace(episode, lease=LeaseFacts())
        case "hook" if outcome.stage is not None:
            return _hooked(episode, outcome.stage, outcome.outcome)
        case "publish" if done:
            return replace(episode, published=episode.published | {outcome.event_id})
        case "acknowledge" if done:
            return replace(episode, acknowledged=episode.acknowledged | {outcome.event_id})
        case _:
            return episode


def _written(episode: Episode, outcome: Finished, at: Instant) -> Episode:
    """A clean answer settles its own attempt, never an earlier one that may still land."""
    touched = episode
    for name in outcome.layers:
        facts = _layer(touched, name)
        touched = _with_layer(touched, name, _after_write(facts, outcome, at))
    return touched


def _after_write(facts: LayerFacts, outcome: Finished, at: Instant) -> LayerFacts:
    if outcome.outcome is not Outcome.DONE:
        return replace(facts, attempted=None, lands_at=_latest(facts.lands_at, facts.attempted))
    settled = replace(facts, attempted=None)
    if outcome.step == "restore":
        pending = facts.lands_at is not None and facts.lands_at.wall > at.wall
        return settled if pending else replace(settled, intended=False, done=False, adopted=False)
    return replace(settled, done=True)


def _leased(lease: LeaseFacts, outcome: Finished) -> LeaseFacts:
    match outcome.outcome:
        case Outcome.DONE:
            return replace(lease, phase=outcome.phase, until=outcome.until, trying=None)
        case Outcome.DENIED:
            return replace(lease, trying=None)
        case _:
            return replace(lease, trying=None, lands_at=_latest(lease.lands_at, lease.trying))


def _hooked(episode: Episode, stage: Stage, outcome: Outcome) -> Episode:
    facts = episode.hook(stage)
    match outcome:
        case Outcome.DONE:
            facts = replace(facts, done=True)
        case Outcome.WAIT:
            facts = replace(facts, waits=facts.waits + 1)
        case Outcome.ABORT:
            facts = replace(facts, aborted=True)
        case _:
            facts = replace(facts, failures=facts.failures + 1)
    return replace(episode, hooks={**episode.hooks, stage: facts})


# --- wishes ---------------------------------------------------------------------------------------


def _wished(state: State, wish: wishes.Wish, at: Instant) -> State:
    old = state.wishes
    match wish:
        case wishes.Drain():
            return replace(state, wishes=replace(old, drain=wish, drain_since=at))
        case wishes.Skip(event_id=event_id):
            return replace(state, wishes=replace(old, skips=old.skips | {event_id}))
        case wishes.Hold(until=until):
            return replace(state, wishes=replace(old, hold_until=until))
        case wishes.Force():
            return replace(state, wishes=replace(old, force_at=at))
        case wishes.Restore(event_ids=ids):
            episode = state.episode and replace(state.episode, at_once=True)
            asked = replace(
                old,
                drain=None,
                drain_since=None,
                skips=old.skips | set(ids),
                force_at=None,
                restore=episode is not None,
            )
            return replace(state, episode=episode, wishes=asked)
        case wishes.Resume():
            return _resumed(state)
        case wishes.Adopt(layers=layers):
            return replace(state, episode=state.episode or _adopted(layers, at))
        case wishes.Ended(wish="drain"):
            return replace(state, wishes=replace(old, drain=None, drain_since=None))
        case wishes.Ended(wish="hold"):
            return replace(state, wishes=replace(old, hold_until=None))
        case wishes.Ended(event_id=event_id):
            return replace(state, wishes=replace(old, skips=old.skips - {event_id}))


def _resumed(state: State) -> State:
    asked = replace(state.wishes, hold_until=None)
    if state.episode is None:
        return replace(state, wishes=asked)
    hooks = {stage: replace(facts, aborted=False) for stage, facts in state.episode.hooks.items()}
    layers = {name: replace(facts, returned=0) for name, facts in state.episode.layers.items()}
    episode = replace(state.episode, yielded=False, hooks=hooks, layers=layers)
    return replace(state, wishes=asked, episode=episode)


def _adopted(layers: Mapping[str, Membership | None], at: Instant) -> Episode:
    """An episode over layers whose history is lost: everything in them counts as was In and ours."""
    return Episode(
        id=f"adopted-{at.wall:%Y%m%dT%H%M%SZ}",
        opened=at,
        vm="",
        vm_id="",
        policy="",
        terms={},
        layers={
            name: LayerFacts(was=None if was is None else all_in(was), intended=True, adopted=True)
            for name, was in layers.items()
        },
        adopted=True,
    )


def all_in(membership: Membership) -> Membership:
    """The same entries, every one taking new work."""
    return replace(
        membership,
        entries=tuple(
            Entry(name=entry.name, standing=Standing.IN, detail=entry.detail) for entry in membership.entries
        ),
    )


def unsettled(instants: Iterable[Instant], now: Instant) -> bool:
    """Whether a write bounded by any of these instants can still land."""
    return any(_remaining(at, now) > timedelta(0) for at in instants)


def _remaining(at: Instant, now: Instant) -> timedelta:
    if at.boot == now.boot:
        return timedelta(seconds=at.monotonic_s - now.monotonic_s)
    return at.wall - now.wall
