"""The journal told as a story: episodes in order, and in each what happened when and why. Pure.

Event names are those of the log; docs/interfaces.md lists the members.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from drainer.core import wish as wishes
from drainer.core.codec import encode
from drainer.core.episode import Episode, State
from drainer.core.fold import after
from drainer.core.record import Closed, Finished, Intended, Joined, Noted, Opened, Record, Terms, Wished
from drainer.journal import FileStore, read_lines
from drainer.recording import WHY

SCHEMA = 1

Json = dict[str, Any]


def history_in(state: Path) -> Json:
    """The history of the journal in this directory. Raises Broken kind "journal-unreadable"."""
    store = FileStore(state)
    lines = store.load()
    return history_of(read_lines(lines, complete=store.complete).records)


def history_of(records: Iterable[Record]) -> Json:
    """Episodes, oldest first, and the wishes that fell outside any."""
    episodes: list[Json] = []
    outside: list[Json] = []
    state = State()
    for record in records:
        before, state = state.episode, after(state, record)
        told = _told(record)
        if state.episode is not None and (before is None or state.episode.id != before.id):
            episodes.append(_begun(state.episode))
        if before is None and state.episode is None:
            outside += [told] if isinstance(record.body, Wished) else []
            continue
        episodes[-1]["events"].append(told)
        _completed(episodes[-1], record, state.episode)
    return {"schema": SCHEMA, "episodes": episodes, "wishes": outside}


def _begun(episode: Episode) -> Json:
    return {
        "id": episode.id,
        "vm": episode.vm,
        "opened": encode(episode.opened.wall),
        "closed": None,
        "notices": [],
        "events": [],
    }


def _completed(told: Json, record: Record, episode: Episode | None) -> None:
    """What became known of the episode by this record."""
    if episode is None:
        told["closed"] = encode(record.at.wall)
        return
    told["notices"] = [_notice(terms) for terms in episode.terms.values()]


def _notice(terms: Terms) -> Json:
    return {"id": terms.event_id, "type": terms.type, "source": terms.source or None}


# --- one record -----------------------------------------------------------------------------------


def _told(record: Record) -> Json:
    blank: Json = {
        "at": encode(record.at.wall),
        "event": "",
        "layers": [],
        "event_id": None,
        "stage": None,
        "phase": None,
        "kind": None,
        "by": None,
        "undo": [],
        "reason": "",
    }
    match record.body:
        case Opened() as body:
            why = ", ".join(f"{terms.type} {terms.event_id}" for terms in body.terms)
            return {**blank, "event": "episode.opened", "layers": sorted(body.layers), "reason": why}
        case Joined(layers=layers):
            why = "read for the first time, or put in by an operator"
            return {**blank, "event": "layers.joined", "layers": sorted(layers), "reason": why}
        case Noted(what=what, layer=layer, layers=layers):
            named = [layer] if layer else sorted(layers)
            return {**blank, "event": f"{what.value}.noted", "layers": named, "reason": WHY[what]}
        case Closed():
            return {**blank, "event": "episode.closed", "reason": "everything taken was given back"}
        case Wished() as body:
            return {**blank, "event": "wish.recorded", **_wished(body)}
        case Intended() as body:
            return {**blank, "event": f"{body.step}.intended", **_intended(body)}
        case Finished() as body:
            return {**blank, "event": f"{body.step}.{body.outcome.value}", **_finished(body)}


def _wished(body: Wished) -> Json:
    kind = type(body.wish).__name__.lower()
    event_id = getattr(body.wish, "event_id", "") or None
    return {"kind": kind, "by": body.by or None, "event_id": event_id, "reason": _asked(body.wish)}


def _asked(wish: wishes.Wish) -> str:
    match wish:
        case wishes.Drain(reason=reason, until=until):
            return reason if until is None else f"{reason} (until {encode(until)})"
        case wishes.Hold(until=until):
            return f"until {encode(until)}"
        case wishes.Skip(why=why):
            return why
        case wishes.Ended(wish=ended):
            return f"{ended} has ended"
        case wishes.Restore(event_ids=ids):
            return f"skips {', '.join(ids)}" if ids else ""
        case wishes.Adopt() | wishes.Force() | wishes.Resume():
            return ""


def _intended(body: Intended) -> Json:
    return {
        "layers": sorted(body.layers),
        "event_id": body.event_id or None,
        "stage": encode(body.stage),
        "phase": encode(body.phase),
        "undo": list(body.undo),
        "reason": "forced: past the time after which budget and gates no longer hold" if body.forced else "",
    }


def _finished(body: Finished) -> Json:
    return {
        "layers": list(body.layers),
        "event_id": body.event_id or None,
        "stage": encode(body.stage),
        "phase": encode(body.phase),
        "kind": body.kind or None,
        "reason": body.reason,
    }
