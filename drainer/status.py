"""What the daemon knows, as one JSON object: a view of a snapshot, or of the journal where no daemon runs.

The members are a fixed contract: docs/interfaces.md. Nothing here is decided.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from drainer.board import Snapshot
from drainer.core.assess import LayerSight
from drainer.core.codec import encode
from drainer.core.episode import Episode, LayerFacts, State, Wishes
from drainer.core.model import (
    Document,
    Face,
    InFlight,
    Instant,
    Membership,
    Unreadable,
    elapsed,
)
from drainer.core.phase import VmPhase, phase_of, taken_out
from drainer.core.situation import Situation
from drainer.core.step import Wait, name_of
from drainer.core.threat import Sighting
from drainer.notices import notice_json, notices_of
from drainer.reconcile import Tick

SCHEMA = 1

Json = dict[str, Any]


def status_of(snapshot: Snapshot) -> Json:
    """The status of a running daemon."""
    alarms = [{"kind": alarm.kind, "reason": alarm.reason} for alarm in snapshot.alarms]
    if snapshot.tick is None:
        unread = {"kind": "unread", "reason": "it has not been read yet"}
        told = {**_blank(*_phase(None)), **_recorded(snapshot.state, unread), "alarms": alarms}
        return {**told, "vm": snapshot.vm or told["vm"]}
    known = {"vm": snapshot.vm, "alarms": alarms, "policy": snapshot.policy or None}
    return {**_of_tick(snapshot.tick), **known}


def headline(snapshot: Snapshot) -> str:
    """The phase, why, and which alarms stand: one line for whoever has room for no more."""
    alarms = ", ".join(alarm.kind for alarm in snapshot.alarms)
    phase, reason = _phase(snapshot.tick)
    said = phase.value if reason == phase.value else f"{phase.value}: {reason}"
    return f"{said} [alarms: {alarms}]" if alarms else said


def _phase(tick: Tick | None) -> tuple[VmPhase, str]:
    if tick is None:
        return VmPhase.STARTING, "the daemon has not seen a document yet"
    step = tick.step
    reason = step.reason if isinstance(step, Wait) else f"{name_of(step)} is under way"
    return phase_of(step, tick.state.episode), reason


def status_of_journal(state: State, *, damage: str) -> Json:
    """The status as the journal tells it, where no daemon runs. `damage` "": the journal is whole."""
    alarms = [{"kind": "journal-damaged", "reason": damage}] if damage else []
    unread = {"kind": "no-daemon", "reason": "nobody reads it now"}
    told = _blank(phase_of(None, state.episode), "the daemon is not running")
    return {**told, "daemon": False, **_recorded(state, unread), "alarms": alarms}


def _recorded(state: State, unread: Json) -> Json:
    """What the journal knows. `unread`: kind and reason of every layer."""
    episode = state.episode
    layers = episode.layers if episode else {}
    return {
        "vm": episode.vm if episode else "",
        "draining": taken_out(episode),
        "since": _since(episode),
        "episode": _episode(episode, None),
        "layers": [_recorded_layer(name, facts, unread) for name, facts in layers.items()],
        "wishes": _wishes(state.wishes),
        "lease": _lease(episode),
        "policy": (episode.policy or None) if episode else None,
    }


def _blank(phase: VmPhase, reason: str) -> Json:
    """Every member, in the order in which it is printed."""
    return {
        "schema": SCHEMA,
        "vm": "",
        "daemon": True,
        "at": None,
        "phase": phase.value,
        "draining": False,
        "step": None,
        "row": None,
        "reason": reason,
        "since": None,
        "next_at": None,
        "episode": None,
        "notices": [],
        "layers": [],
        "in_flight": {"count": None, "reason": "not measured"},
        "wishes": _wishes(Wishes()),
        "gates": [],
        "lease": None,
        "alarms": [],
        "document": None,
        "policy": None,
    }


def _of_tick(tick: Tick) -> Json:
    episode, step, situation = tick.state.episode, tick.step, tick.assessment.situation
    wait = step if isinstance(step, Wait) else None
    wake_at = _after(tick.seen.now.wall, wait.wake_after if wait else None)
    return {
        **_blank(*_phase(tick)),
        "at": encode(tick.seen.now.wall),
        "draining": taken_out(episode),
        "step": name_of(step),
        "row": tick.decision.row,
        "since": _since(episode),
        "next_at": encode(wake_at),
        "episode": _episode(episode, situation),
        "notices": _notices(tick),
        "layers": [_layer(sight, episode) for sight in tick.seen.layers],
        "in_flight": _in_flight(tick),
        "wishes": _wishes(tick.state.wishes),
        "gates": [{"name": g.name, "hard": g.hard, "reason": g.reason} for g in situation.gates],
        "lease": _lease(episode),
        "document": _document(tick.seen.document, tick.seen.now),
    }


def _after(at: datetime, span: timedelta | None) -> datetime | None:
    """None: no span; or so long a one that no date is left for it (an absurd NotBefore)."""
    try:
        return None if span is None else at + span
    except OverflowError:
        return None


# --- notices --------------------------------------------------------------------------------------


def _notices(tick: Tick) -> list[Json]:
    """Every notice for this VM, the skipped ones too."""
    document = tick.seen.document
    if isinstance(document, Unreadable):
        return []
    sightings = {sighting.event.id: sighting for sighting in tick.assessment.outlook.sightings}
    return [{**notice_json(event), **_doing(sightings.get(event.id))} for event in notices_of(document)]


def _doing(sighting: Sighting | None) -> Json:
    """What the policy makes of a notice; `due_at` null: due now, or never."""
    if sighting is None:
        return {"does": "skip", "due_at": None}
    does = "drain" if sighting.threat else sighting.rule.do.value
    return {"does": does, "due_at": encode(sighting.due_at)}


# --- episode and layers ---------------------------------------------------------------------------


def _since(episode: Episode | None) -> str | None:
    """Since when the phase holds, as far as the journal knows."""
    if episode is None:
        return None
    return _wall(episode.quiet_since or episode.cordoned_at or episode.opened)


def _episode(episode: Episode | None, situation: Situation | None) -> Json | None:
    if episode is None:
        return None
    return {
        "id": episode.id,
        "opened": _wall(episode.opened),
        "cordoned_at": _wall(episode.cordoned_at),
        "quiet_since": _wall(episode.quiet_since),
        "force_at": encode(episode.force_at),
        "proven": situation.proven if situation and episode.cordoned_at else None,
        "past_deadline": None if situation is None else not situation.before_deadline,
        "past_force": None if situation is None else situation.past_force,
        "notices": sorted(episode.terms),
        "acknowledged": sorted(episode.acknowledged),
        "published": sorted(episode.published),
        "hooks": {stage.value: _hook(facts) for stage, facts in episode.hooks.items()},
        "yielded": episode.yielded,
        "adopted": episode.adopted,
        "failing": episode.failing,
    }


def _hook(facts: Any) -> str:
    if facts.aborted:
        return "abort"
    if facts.done:
        return "go"
    return "wait" if facts.waits else "failed"


def _layer(sight: LayerSight, episode: Episode | None) -> Json:
    facts = episode.layers.get(sight.name) if episode else None
    shown = {"name": sight.name, **_facts(facts), "kind": None, "reason": None}
    if isinstance(sight.reading, Unreadable):
        unread = {"kind": sight.reading.kind, "reason": sight.reading.reason}
        return {**shown, "face": Face.UNREADABLE.value, "entries": [], **unread}
    return {**shown, "face": sight.reading.face.value, "entries": _entries(sight.reading)}


def _recorded_layer(name: str, facts: LayerFacts, unread: Json) -> Json:
    return {"name": name, **_facts(facts), **unread, "face": Face.UNREADABLE.value, "entries": []}


def _facts(facts: LayerFacts | None) -> Json:
    was = facts.was.face.value if facts and facts.was else None
    return {
        "face": None,
        "was": was,
        "intended": bool(facts and facts.intended),
        "done": bool(facts and facts.done),
    }


def _entries(reading: Membership) -> list[Json]:
    return [
        {"name": entry.name, "standing": entry.standing.value, "isolated": entry.isolated}
        for entry in reading.entries
    ]


def _lease(episode: Episode | None) -> Json | None:
    if episode is None or not episode.lease.attempted:
        return None
    lease = episode.lease
    return {"phase": lease.phase.value if lease.phase else None, "until": _wall(lease.until)}


# --- the rest -------------------------------------------------------------------------------------


def _in_flight(tick: Tick) -> Json:
    work = tick.seen.work
    if isinstance(work, InFlight):
        return {"count": work.count, "reason": None}
    return {"count": None, "reason": work.reason}


def _wishes(wishes: Wishes) -> Json:
    drain = wishes.drain
    return {
        "drain": {"reason": drain.reason, "until": encode(drain.until)} if drain else None,
        "skips": sorted(wishes.skips),
        "hold_until": encode(wishes.hold_until),
        "force_at": _wall(wishes.force_at),
        "restore": wishes.restore,
    }


def _document(document: Document | Unreadable, now: Instant) -> Json:
    shown: Json = dict.fromkeys(
        ("source", "incarnation", "footing", "skew_s", "read_at", "age_s", "kind", "reason")
    )
    if isinstance(document, Unreadable):
        return {"readable": False, **shown, "kind": document.kind, "reason": document.reason}
    return {
        "readable": True,
        **shown,
        "source": document.source.value,
        "incarnation": document.incarnation,
        "footing": document.footing.value,
        "skew_s": None if document.skew is None else document.skew.total_seconds(),
        "read_at": _wall(document.read_at),
        "age_s": round(elapsed(document.read_at, now).total_seconds(), 3),
    }


def _wall(instant: Instant | None) -> str | None:
    at: datetime | None = instant.wall if instant else None
    stated: str | None = encode(at)
    return stated
