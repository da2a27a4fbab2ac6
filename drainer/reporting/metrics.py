"""Metrics of a snapshot as Prometheus reads them: its text format 0.0.4, written by hand.

By hand because prometheus_client costs 6 MB resident, a third of the whole daemon. Labels are bounded: kinds,
types, layers of the policy, never an event's id. The table of names is docs/interfaces.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from drainer.board import Snapshot
from drainer.core.episode import Episode
from drainer.core.model import Document, Face, InFlight, Instant, Membership, elapsed
from drainer.core.phase import VmPhase, phase_of, taken_out
from drainer.core.policy import EVENT_TYPES
from drainer.notices import notices_of
from drainer.reconcile import Tick

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
OTHER = "other"
"""The label of event types that Microsoft does not name: the wire may say anything."""

_SERIES = re.compile(r"([a-z_]+)(?:\{(.*)\})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One metric: its name without the prefix, its type, and what it says."""

    name: str
    type: str
    help: str


FAMILIES: tuple[Family, ...] = (
    Family(name="build_info", type="gauge", help="1, with the version in use."),
    Family(name="last_tick_age_seconds", type="gauge", help="Seconds since the deciding thread last ticked."),
    Family(name="phase", type="gauge", help="1 for the phase this VM is in, 0 for the others."),
    Family(name="draining", type="gauge", help="1 while this VM is taken out by our hand."),
    Family(name="document_readable", type="gauge", help="1 where the last read of the service was believed."),
    Family(name="document_age_seconds", type="gauge", help="Age of the document; absent while unreadable."),
    Family(name="clock_skew_seconds", type="gauge", help="The platform's clock minus this machine's."),
    Family(name="documents_total", type="counter", help="Reads of the service, by what came of them."),
    Family(name="notices", type="gauge", help="Notices for this VM, by type and status."),
    Family(name="steps_total", type="counter", help="Steps that touched the world, by outcome."),
    Family(name="step_failures_total", type="counter", help="Steps that failed, by kind of failure."),
    Family(name="acknowledgements_total", type="counter", help="Events that were acknowledged."),
    Family(name="episodes_total", type="counter", help="Episodes opened in this life of the daemon."),
    Family(name="episode_open", type="gauge", help="1 while an episode is open."),
    Family(name="episode_seconds", type="gauge", help="How long the open episode has been open."),
    Family(name="drain_proven", type="gauge", help="1 while the drain is proven."),
    Family(name="layer_face", type="gauge", help="1 for the face each layer shows, 0 for the others."),
    Family(name="in_flight", type="gauge", help="Work in flight; absent where it is not measured."),
    Family(name="gate_closed", type="gauge", help="1 for each gate that holds a cordon back."),
    Family(name="lease_held", type="gauge", help="1 while a lease of the fleet's budget is held."),
    Family(name="alarms", type="gauge", help="1 for each kind of alarm that stands."),
)
"""Every metric there is, in the order in which it is written."""

Sample = tuple[str, Mapping[str, str], float]
"""A family's name, labels, value."""


def exposition(snapshot: Snapshot, *, now: Instant, version: str) -> str:
    """The whole answer of /metrics, which ends in a newline."""
    samples: dict[str, list[str]] = {family.name: [] for family in FAMILIES}
    for name, labels, value in _all(snapshot, now, version):
        samples[name].append(f"drainer_{name}{_labels(labels)} {_number(value)}")
    return "".join(_family(family, samples[family.name]) for family in FAMILIES if samples[family.name])


def _all(snapshot: Snapshot, now: Instant, version: str) -> Iterator[Sample]:
    yield "build_info", {"version": version}, 1
    yield from _counted(snapshot.counters)
    for kind in dict.fromkeys(alarm.kind for alarm in snapshot.alarms):
        yield "alarms", {"kind": kind}, 1
    if snapshot.tick is None:
        yield from _one_of("phase", VmPhase.STARTING)
        yield from _episode(snapshot.state.episode, now)
        if snapshot.document is not None:
            yield "document_readable", {}, isinstance(snapshot.document, Document)
        return
    yield "last_tick_age_seconds", {}, elapsed(snapshot.tick.seen.now, now).total_seconds()
    yield from _of_tick(snapshot.tick, now)


def _counted(counters: Mapping[str, float]) -> Iterator[Sample]:
    """Counters of the daemon, `name{label="value"}`; what is in no family here is left out."""
    known = {family.name for family in FAMILIES}
    acknowledged = 0.0
    for series, value in counters.items():
        found = _SERIES.fullmatch(series)
        if found is None or found[1] not in known:
            continue
        labels = dict(re.findall(r'(\w+)="([^"]*)"', found[2] or ""))
        yield found[1], labels, value
        if (found[1], labels) == ("steps_total", {"step": "acknowledge", "outcome": "done"}):
            acknowledged = value
    if "acknowledgements_total" not in counters:
        yield "acknowledgements_total", {}, acknowledged
    if "episodes_total" not in counters:  # from the beginning, or the first one would be no increase
        yield "episodes_total", {}, 0


def _of_tick(tick: Tick, now: Instant) -> Iterator[Sample]:
    episode, situation = tick.state.episode, tick.assessment.situation
    yield from _one_of("phase", phase_of(tick.step, episode))
    yield from _episode(episode, now)
    yield from _document(tick, now)
    yield "drain_proven", {}, bool(episode and episode.cordoned_at and situation.proven)
    for sight in tick.seen.layers:
        shown = sight.reading.face if isinstance(sight.reading, Membership) else Face.UNREADABLE
        for face in Face:
            yield "layer_face", {"layer": sight.name, "face": face.value}, face is shown
    if isinstance(tick.seen.work, InFlight):
        yield "in_flight", {}, tick.seen.work.count
    for gate in dict.fromkeys(gate.name for gate in situation.gates):
        yield "gate_closed", {"gate": gate}, 1
    yield "lease_held", {}, situation.lease_live


def _episode(episode: Episode | None, now: Instant) -> Iterator[Sample]:
    yield "draining", {}, taken_out(episode)
    yield "episode_open", {}, episode is not None
    if episode is not None:
        yield "episode_seconds", {}, elapsed(episode.opened, now).total_seconds()


def _document(tick: Tick, now: Instant) -> Iterator[Sample]:
    document = tick.seen.document
    readable = isinstance(document, Document)
    yield "document_readable", {}, readable
    yield "clock_skew_seconds", {}, tick.seen.skew.total_seconds()
    if not isinstance(document, Document):
        return
    yield "document_age_seconds", {}, elapsed(document.read_at, now).total_seconds()
    counts: dict[tuple[str, str], int] = {}
    for event in notices_of(document):
        kind = event.type if event.type in EVENT_TYPES else OTHER
        key = kind, event.status.value or "Unstated"
        counts[key] = counts.get(key, 0) + 1
    for (kind, status), count in sorted(counts.items()):
        yield "notices", {"type": kind, "status": status}, count


def _one_of(name: str, shown: VmPhase) -> Iterator[Sample]:
    for phase in VmPhase:
        yield name, {"phase": phase.value}, phase is shown


# --- the text format ------------------------------------------------------------------------------


def _family(family: Family, lines: Iterable[str]) -> str:
    name = f"drainer_{family.name}"
    head = (f"# HELP {name} {family.help}", f"# TYPE {name} {family.type}")
    return "".join(f"{line}\n" for line in (*head, *lines))


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(float(value))
