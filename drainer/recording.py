"""The records of steps that are nothing but their record: Open and Note."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import assert_never

from drainer.core.assess import Assessment, LayerSight, Observation
from drainer.core.episode import Episode
from drainer.core.model import Document, Instant, Membership, Unreadable, Vm
from drainer.core.record import Joined, Noted, Opened, Terms
from drainer.core.step import Note, Noting, Open
from drainer.core.threat import Threat

WHY = {
    Noting.QUIET_SINCE: "no notice is left",
    Noting.THREAT_RETURNED: "a notice came back",
    Noting.CORDONED_AT: "no layer takes new work any more",
    Noting.RETURNED: "this layer reads In although it was to be out: given back by somebody, or never taken",
    Noting.TERMS: "a notice joined, or its times moved",
    Noting.FAILING: "the application had been failing its deep check before the drain",
}
"""What a note says, for people."""


def opened(seen: Observation, assessment: Assessment, *, policy: str) -> Opened:
    """An episode begins: every layer as it reads now, or as this life last read it."""
    vm, terms = vm_of(seen), _terms(assessment.threat)
    return Opened(
        episode=_episode_id(seen, terms),
        vm=vm.name,
        vm_id=vm.id,
        policy=policy,
        terms=terms,
        layers={sight.name: _was(sight) for sight in seen.layers},
    )


def joined(step: Open, seen: Observation, episode: Episode) -> Joined:
    """What these layers count as from now on, in the episode that is open."""
    readings = {sight.name: sight for sight in seen.layers}
    return Joined(layers={name: _joined(episode, readings[name], seen.now) for name in step.layers})


def noted(step: Note, seen: Observation, assessment: Assessment) -> Noted:
    """A fact as it stands now."""
    match step.what:
        case Noting.TERMS | Noting.THREAT_RETURNED:
            return Noted(what=step.what, terms=_terms(assessment.threat))
        case Noting.CORDONED_AT:
            return Noted(what=step.what, layers=assessment.situation.read_out)
        case Noting.RETURNED:
            return _returned(step, seen, assessment)
        case Noting.QUIET_SINCE | Noting.FAILING:
            return Noted(what=step.what)
        case _:
            assert_never(step.what)


def vm_of(seen: Observation) -> Vm:
    """Who this VM is, as far as the document says."""
    return seen.document.vm if isinstance(seen.document, Document) else Vm(name="")


def _terms(threat: Threat | None) -> tuple[Terms, ...]:
    return threat.terms if threat else ()


def _was(sight: LayerSight) -> Membership | None:
    return sight.reading if isinstance(sight.reading, Membership) else sight.last


def _joined(episode: Episode, sight: LayerSight, now: Instant) -> Membership:
    """As it reads now; and what was in before we touched it stays ours to give back."""
    reading, facts = sight.reading, episode.layer(sight.name)
    recorded = facts.was if facts.intended or facts.unsettled(now) else None
    if isinstance(reading, Unreadable):
        raise LookupError(f"layer {sight.name!r} joined unread")
    if recorded is None:
        return reading
    was = {entry.name: entry for entry in recorded.entries if entry.takes_work}
    other = {entry.name: entry for entry in reading.entries if entry.name not in was}
    return replace(reading, entries=(*was.values(), *other.values()))


def _returned(step: Note, seen: Observation, assessment: Assessment) -> Noted:
    layer = next(layer for layer in assessment.situation.layers if layer.name == step.layer)
    reading = next(sight.reading for sight in seen.layers if sight.name == step.layer)
    generation = reading.generation if isinstance(reading, Membership) else ""
    return Noted(what=step.what, layer=step.layer, partly=layer.missing, generation=generation)


def _episode_id(seen: Observation, terms: tuple[Terms, ...]) -> str:
    """Sortable by time, and unlike any other."""
    kind = terms[0].type.lower() if terms else "none"
    return f"{seen.now.wall:%Y%m%dT%H%M%SZ}-{kind}-{secrets.token_hex(3)}"
