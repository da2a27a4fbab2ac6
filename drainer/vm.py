"""Who this VM is, its network, its membership in every layer, its pending notices. Read only."""

from __future__ import annotations

import threading
from datetime import timedelta
from time import monotonic
from typing import TYPE_CHECKING, Any

from drainer.clock import SystemClock
from drainer.core.model import Document, Event, Membership, Unreadable, elapsed
from drainer.errors import DrainerError, Transient
from drainer.notices import notice_json, notices_of
from drainer.ports import Backend, Clock, EventFeed
from drainer.sources.body import json_object, refused_status
from drainer.sources.identity import METADATA, TIMEOUT_S
from drainer.transport.http import HttpPeer

if TYPE_CHECKING:
    from drainer.settings import Settings

SCHEMA = 1
INSTANCE = "/metadata/instance?api-version=2021-02-01"
LOAD_BALANCER = "/metadata/loadbalancer?api-version=2020-10-01"
PATIENCE = timedelta(seconds=5)
LOOK_EVERY_S = 0.5
LAYER_WITHIN_S = 30.0

Json = dict[str, Any]


def look(settings: Settings) -> Json:
    """Everything that can be read, as docs/interfaces.md describes it. Raises PolicyInvalid."""
    from drainer.wiring import event_feed

    clock = SystemClock(settings.boot_id)
    feed = event_feed(settings, clock)
    peer = HttpPeer(settings.metadata_url)
    try:
        document = _document(feed, clock)
        return {
            "schema": SCHEMA,
            "vm": _identity(document),
            "network": _network(peer),
            "load_balancer": _load_balancer(peer),
            "layers": _layers(settings, clock, document),
            "notices": [notice_json(event) for event in _notices(document)],
            "document": _about(document),
        }
    finally:
        feed.close()
        peer.close()


# --- the metadata service -------------------------------------------------------------------------


def _document(feed: EventFeed, clock: Clock) -> Document | Unreadable:
    """Ask for a few seconds; the first answer of Scheduled Events may take two minutes, which is told."""
    began = clock.now()
    pause = threading.Event()
    while True:
        found = feed.observe()
        if isinstance(found, Document) or elapsed(began, clock.now()) >= PATIENCE:
            return found
        if found.kind in ("refused", "unreachable", "unresolved", "name-mismatch"):
            return found
        pause.wait(LOOK_EVERY_S)


def _identity(document: Document | Unreadable) -> Json | None:
    if isinstance(document, Unreadable):
        return None
    vm = document.vm
    return {
        "name": vm.name or None,
        "id": vm.id or None,
        "update_domain": vm.update_domain or None,
        "fault_domain": vm.fault_domain or None,
        "set": vm.set_name or None,
        "zone": vm.zone or None,
    }


def _notices(document: Document | Unreadable) -> tuple[Event, ...]:
    return () if isinstance(document, Unreadable) else notices_of(document)


def _about(document: Document | Unreadable) -> Json:
    if isinstance(document, Unreadable):
        return {"readable": False, "source": None, "kind": document.kind, "reason": document.reason}
    return {"readable": True, "source": document.source.value, "kind": None, "reason": None}


def _network(peer: HttpPeer) -> Json:
    """The interfaces of the instance document; null with a reason where there are none to be read."""
    read = _asked(peer, INSTANCE)
    if isinstance(read, Unreadable):
        return {"interfaces": None, "kind": read.kind, "reason": read.reason}
    interfaces = [_interface(each) for each in _objects(read.get("network"), "interface")]
    return {"interfaces": interfaces, "kind": None, "reason": None}


def _interface(found: Json) -> Json:
    return {"mac": found.get("macAddress") or None, **_addresses(found, "ipv4"), **_addresses(found, "ipv6")}


def _addresses(found: Json, family: str) -> Json:
    pairs = _objects(found.get(family), "ipAddress")
    return {
        f"{family}_private": [pair["privateIpAddress"] for pair in pairs if pair.get("privateIpAddress")],
        f"{family}_public": [pair["publicIpAddress"] for pair in pairs if pair.get("publicIpAddress")],
    }


def _load_balancer(peer: HttpPeer) -> Json:
    """What the balancer's metadata says, as it says it; null with a reason where it is not served."""
    read = _asked(peer, LOAD_BALANCER)
    if isinstance(read, Unreadable):
        return {"found": None, "kind": read.kind, "reason": read.reason}
    return {"found": read.get("loadbalancer", read), "kind": None, "reason": None}


def _asked(peer: HttpPeer, path: str) -> Json | Unreadable:
    try:
        answer = peer.get(path, headers=METADATA, timeout_s=TIMEOUT_S)
    except Transient as error:
        return Unreadable(kind=error.kind, reason=error.reason)
    return json_object(answer.body) if answer.status == 200 else refused_status(answer)


def _objects(parent: object, member: str) -> list[Json]:
    """The objects in a list that may be there."""
    listed = parent.get(member) if isinstance(parent, dict) else None
    return [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []


# --- the policy's layers --------------------------------------------------------------------------


def _layers(settings: Settings, clock: Clock, document: Document | Unreadable) -> list[Json]:
    from drainer.wiring import layers, load_policy

    name = settings.vm_name if isinstance(document, Unreadable) else document.vm.name
    built = layers(load_policy(settings).policy, settings, clock=clock, vm_name=lambda: name)
    try:
        return [_layer(layer) for layer in built]
    finally:
        for layer in built:
            layer.close()


def _layer(layer: Backend) -> Json:
    shown: Json = {"name": layer.name, "face": "Unreadable", "entries": [], "kind": None, "reason": None}
    try:
        reading = _patiently(layer)
    except DrainerError as error:
        return {**shown, "kind": error.kind, "reason": error.reason}
    entries = [
        {"name": entry.name, "standing": entry.standing.value, "isolated": entry.isolated}
        for entry in reading.entries
    ]
    return {**shown, "face": reading.face.value, "entries": entries}


def _patiently(layer: Backend) -> Membership:
    """A reading that is under way is waited for."""
    deadline, pause = monotonic() + LAYER_WITHIN_S, threading.Event()
    while True:
        try:
            return layer.membership()
        except Transient as error:
            if error.kind != "azure-slow" or monotonic() >= deadline:
                raise
            pause.wait(LOOK_EVERY_S)
