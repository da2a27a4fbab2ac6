"""Alarms of the signal: what is wrong with the document, the clock, or the way in which notices arrive."""

from __future__ import annotations

from datetime import timedelta

from drainer.alarms.kind import Kind, Scene, seconds
from drainer.core.model import Garbled, Unreadable, elapsed
from drainer.core.policy import Acknowledge
from drainer.reconcile import SKEW_ALARM

BLIND_AFTER = timedelta(seconds=60)
OFF_AFTER = timedelta(hours=24)
"""Without a request for so long the platform switches Scheduled Events off (Scheduled Events, "Enabling and
disabling")."""

ANEW_FOR = timedelta(minutes=5)
"""So long a fresh service may keep silent about what it knows."""


def _blind_for(scene: Scene) -> timedelta:
    """Since when no document was believed; zero while there is one."""
    if not isinstance(scene.document, Unreadable) or scene.document.kind == "name-mismatch":
        return timedelta(0)
    return elapsed(scene.memory.last_document_at or scene.started, scene.now)


def _blind(scene: Scene) -> str:
    span, read = _blind_for(scene), scene.document
    if span <= BLIND_AFTER or not isinstance(read, Unreadable):
        return ""
    return f"no document for {seconds(span)}: {read.kind}: {read.reason}"


def _off(scene: Scene) -> str:
    span = _blind_for(scene)
    return "" if span < OFF_AFTER else f"no answer for {seconds(span)}: the service is switched off by now"


def _name_mismatch(scene: Scene) -> str:
    read = scene.document
    return read.reason if isinstance(read, Unreadable) and read.kind == "name-mismatch" else ""


def _anew(scene: Scene) -> str:
    reset = scene.memory.reset
    if reset is None or elapsed(reset.at, scene.now) >= ANEW_FOR:
        return ""
    return f"the document's incarnation fell from {reset.before} to {reset.after}: the service began anew"


def _skewed(scene: Scene) -> str:
    if isinstance(scene.document, Unreadable) or abs(scene.skew) <= SKEW_ALARM:
        return ""
    return f"the platform's clock is {scene.skew.total_seconds():+.1f} s from this machine's"


def _garbled(scene: Scene) -> str:
    for sighting in scene.sightings:
        if isinstance(sighting.event.not_before, Garbled):
            return f"{sighting.event.id}: NotBefore reads {sighting.event.not_before.text!r}"
    return ""


def _started_first(scene: Scene) -> str:
    for sighting in scene.sightings:
        met = scene.memory.met.get(sighting.event.id)
        if met is not None and met.started_first and sighting.threat:
            return f"{sighting.event.type} {sighting.event.id} had Started when it was first seen"
    return ""


def _acknowledged_elsewhere(scene: Scene) -> str:
    for sighting in scene.sightings:
        met = scene.memory.met.get(sighting.event.id)
        if met is None or not met.started_early or sighting.rule.acknowledge is Acknowledge.NEVER:
            continue
        if sighting.threat:
            event = sighting.event
            return f"{event.type} {event.id} Started before its time, and not by our acknowledgement"
    return ""


SIGNAL = (
    Kind(name="name-mismatch", says=_name_mismatch, next="nothing is changed until --vm-name is corrected"),
    Kind(
        name="blind",
        says=_blind,
        next="nothing is changed meanwhile; is the metadata service reachable from here?",
    ),
    Kind(
        name="service-off",
        says=_off,
        next="the next answer switches it on: it may take two minutes, and notices five more",
    ),
    Kind(
        name="incarnation-reset",
        says=_anew,
        next="for five minutes its silence is not taken for the end of a notice",
    ),
    Kind(name="clock-skew", says=_skewed, next="NotBefore is corrected by it; set this machine's clock"),
    Kind(name="not-before-garbled", says=_garbled, next="the notice counts as due now"),
    Kind(
        name="started-first",
        says=_started_first,
        next="this VM is taken out at once; requests may be lost, as there was no time to drain",
    ),
    Kind(
        name="acknowledged-elsewhere",
        says=_acknowledged_elsewhere,
        next="the drain goes on as fast as it can; find out who acknowledges for this VM",
    ),
)
