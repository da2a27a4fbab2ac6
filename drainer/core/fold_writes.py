"""Intents and outcomes folded into an episode: what was tried, what can still land, what is settled.

A clean answer settles its own attempt, and those of the same step that were answered "under way"; never one
whose answer was lost, nor another step's. Correctness rests on intents; outcomes only
ever narrow what they opened.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from drainer.core.episode import Episode, HookFacts, LayerFacts, LeaseFacts, Window, longest, still_open
from drainer.core.model import Instant, Stage, elapsed
from drainer.core.record import Finished, Intended, Outcome

WAY_OUT = frozenset({Stage.BEFORE_CORDON, Stage.CORDONED, Stage.DRAINED})
"""Stages that are due anew once giving back has begun: a second cordon is told like the first."""

ANSWERED = frozenset({Outcome.DONE, Outcome.GONE, Outcome.REFUSED})
"""Outcomes after which asking the platform once more changes nothing."""


def intended(episode: Episode, intent: Intended, at: Instant) -> Episode:
    """The episode once this step may have touched the world."""
    touched = episode
    for name, lands_for in intent.layers.items():
        tried = _tried(touched.layer(name), intent, Window(since=at, lasts=lands_for))
        touched = touched.with_layer(name, tried)
    match intent.step:
        case "cordon" if intent.again:
            return touched
        case "cordon":
            return replace(touched, cordoned_at=None, taken=True)
        case "restore":
            return replace(touched, hooks={s: f for s, f in touched.hooks.items() if s not in WAY_OUT})
        case "acquire":
            trying = Window(since=at, lasts=intent.lands_for)
            lands = longest(touched.lease.lands, touched.lease.trying)
            lease = replace(touched.lease, attempted=True, trying=trying, lands=lands)
            return replace(touched, lease=lease)
        case "release":
            return replace(touched, lease=_given_up(touched.lease, at))
        case _:
            return touched


def _tried(facts: LayerFacts, intent: Intended, window: Window) -> LayerFacts:
    return replace(
        facts,
        intended=facts.intended or intent.step in ("cordon", "isolate"),
        done=facts.done and (intent.step == "isolate" or intent.again),
        attempted=window,
        lands=longest(facts.lands, facts.attempted),
    )


def finished(episode: Episode, outcome: Finished, at: Instant) -> Episode:
    """The episode once the step was answered, or failed."""
    match outcome.step:
        case "cordon" | "isolate" | "restore":
            return _written(episode, outcome, at)
        case "acquire":
            return replace(episode, lease=_leased(episode.lease, outcome, at))
        case "release" if outcome.outcome is Outcome.DONE:
            return replace(episode, lease=LeaseFacts())
        case "hook" if outcome.stage is not None:
            return _hooked(episode, outcome.stage, outcome.outcome)
        case "publish" if outcome.outcome is Outcome.DONE:
            return replace(episode, published=episode.published | {outcome.event_id})
        case "acknowledge" if outcome.outcome in ANSWERED:
            return replace(episode, acknowledged=episode.acknowledged | {outcome.event_id})
        case _:
            return episode


def _written(episode: Episode, outcome: Finished, at: Instant) -> Episode:
    touched = episode
    for name in outcome.layers:
        touched = touched.with_layer(name, _after_write(touched.layer(name), outcome, at))
    return touched


def _after_write(facts: LayerFacts, outcome: Finished, at: Instant) -> LayerFacts:
    if outcome.outcome is Outcome.PENDING:
        return _under_way(facts, outcome.step)
    if outcome.outcome is Outcome.UNTOUCHED:
        return replace(facts, attempted=None)
    if outcome.outcome is not Outcome.DONE:
        return replace(facts, attempted=None, lands=longest(facts.lands, facts.attempted))
    settled = replace(facts, attempted=None)
    if facts.pending_step == outcome.step:
        settled = replace(settled, pending=None, pending_step="")
    if outcome.step != "restore":
        return replace(settled, done=True)
    if still_open((settled.lands, settled.pending), at):
        return settled
    return replace(settled, intended=False, adopted=False)


def _under_way(facts: LayerFacts, step: str) -> LayerFacts:
    """Another step's writes may still land, whatever becomes of this one's."""
    if facts.pending_step not in ("", step):
        facts = replace(facts, lands=longest(facts.lands, facts.pending), pending=None)
    pending = longest(facts.pending, facts.attempted)
    return replace(facts, attempted=None, pending=pending, pending_step=step)


def _given_up(lease: LeaseFacts, at: Instant) -> LeaseFacts:
    """By the first try of its boot: within one boot no clock that was set makes it look longer ago."""
    if lease.given_up is not None and lease.given_up.boot == at.boot:
        return lease
    return replace(lease, given_up=at)


def _leased(lease: LeaseFacts, outcome: Finished, at: Instant) -> LeaseFacts:
    match outcome.outcome:
        case Outcome.DONE:
            lasts = timedelta(0) if outcome.until is None else elapsed(at, outcome.until)
            term = Window(since=at, lasts=lasts)
            return replace(lease, phase=outcome.phase, term=term, trying=None, given_up=None)
        case Outcome.DENIED:
            return replace(lease, trying=None)
        case _:
            return replace(lease, trying=None, lands=longest(lease.lands, lease.trying))


def _hooked(episode: Episode, stage: Stage, outcome: Outcome) -> Episode:
    facts = episode.hook(stage)
    match outcome:
        case Outcome.DONE:
            facts = replace(facts, done=True)
        case Outcome.WAIT:
            facts = replace(facts, waits=facts.waits + 1)
        case Outcome.ABORT if stage is Stage.BEFORE_CORDON:
            facts = HookFacts()  # it was about these notices; another one is asked about anew
        case Outcome.ABORT:
            facts = replace(facts, aborted=True)
        case Outcome.FAILED:
            facts = replace(facts, failures=facts.failures + 1)
        case _:
            return episode
    return replace(episode, hooks={**episode.hooks, stage: facts})
