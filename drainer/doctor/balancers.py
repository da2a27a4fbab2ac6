"""What can be seen of the balancers from this VM: membership, the probed route, the prober, its settings."""

from __future__ import annotations

import ipaddress
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from time import monotonic
from typing import Any

from drainer.connections import TABLES
from drainer.core.model import Face, Membership
from drainer.doctor.check import Check, failed, passed, refused, skipped, warned
from drainer.doctor.subject import Subject
from drainer.errors import DrainerError, Transient
from drainer.ports import Backend
from drainer.probe import marker as markers
from drainer.transport.ask import Answered, Silent, Unasked, Unreachable, ask

PROBE, HAPROXY = "health-probe", "haproxy"
LAYER_S = 30.0
LOOK_EVERY_S = 0.25
LONGEST_WATCH_S = 15.0
ROUTE_WITHIN = timedelta(seconds=2)
HAPROXY_FILE = Path("/etc/haproxy/haproxy.cfg")


def membership(layers: Iterable[Backend]) -> Iterator[Check]:
    """Each layer can be read, and has this VM in service."""
    for layer in layers:
        name = f"membership {layer.name}"
        try:
            reading = _patiently(layer)
        except DrainerError as error:
            yield failed(name, error, cure="`drainer vm` reads it again; docs/backends.md says what it needs")
            continue
        entries = ", ".join(entry.name for entry in reading.entries)
        if reading.face is Face.IN:
            yield passed(name, f"in service: {entries}")
        else:
            yield warned(
                name,
                f"{reading.face.value}: {entries or 'no entry of this VM'}",
                cure="what is out is never taken out again; `drainer status` says whether it is ours",
            )


def _patiently(layer: Backend) -> Membership:
    ends, nothing = monotonic() + LAYER_S, threading.Event()
    while True:
        try:
            return layer.membership()
        except Transient as error:
            if error.kind != "azure-slow" or monotonic() >= ends:
                raise
            nothing.wait(LOOK_EVERY_S)


def route(subject: Subject) -> Iterator[Check]:
    """The probed route answers, and is not the deep check: that one must not read the marker."""
    for layer in subject.layers(PROBE):
        options: Any = layer.options
        if subject.policy.health.http == options.route:
            yield refused(
                "probed-route",
                f"{options.route} is both the probed route and the deep check: once it is marked, it never"
                " turns healthy, and this VM is never given back",
                cure="let `health` ask a route that does not read the marker",
            )
            continue
        marked = Path(options.marker).exists()
        match ask(options.route, within=ROUTE_WITHIN):
            case Answered(status=200) if marked:
                yield refused(
                    "probed-route",
                    f"{options.route} answers 200 although {options.marker} is there",
                    cure="let the route answer 503 while the marker exists, or `mode: listen`",
                )
            case Answered(status=200):
                yield passed("probed-route", f"{options.route} answers 200 without the marker")
            case Answered(status=status) if marked:
                yield passed("probed-route", f"{options.route} answers {status} with the marker")
            case Answered(status=status):
                yield warned("probed-route", f"{options.route} answers {status}", cure=_ROUTE)
            case Silent():
                yield warned("probed-route", f"{options.route} gave no answer in time", cure=_ROUTE)
            case Unreachable(reason=reason) | Unasked(reason=reason):
                yield warned("probed-route", f"{options.route}: {reason}", cure=_ROUTE)


_ROUTE = "start what answers the prober, or correct health-probe's `route`"


def prober(
    subject: Subject, *, tables: Iterable[Path] = TABLES, wait: Callable[[float], Any] | None = None
) -> Iterator[Check]:
    """The balancer's prober was seen: in the probe unit's evidence, or as a peer of the probed port."""
    pause = wait or threading.Event().wait
    for layer in subject.layers(PROBE):
        options: Any = layer.options
        if _evident(Path(options.marker)):
            yield passed("prober", "the probe unit kept evidence of it when this VM was drained last")
            continue
        watched_s = min(2 * options.interval.total_seconds(), LONGEST_WATCH_S)
        if not options.sources:
            yield skipped("prober", "`sources` names no address to look for")
        elif _seen(options.sources, tuple(tables), watched_s, pause):
            yield passed("prober", f"{', '.join(options.sources)} connects")
        else:
            yield warned(
                "prober",
                f"no connection from {', '.join(options.sources)} within {watched_s:g} s",
                cure="see that the balancer's rule has a probe, and that the VM's firewall lets it in",
            )


def _evident(marker: Path) -> bool:
    try:
        return markers.evidence_path(marker).stat().st_size > 0
    except OSError:
        return False


def _seen(
    sources: Iterable[str], tables: Iterable[Path], within_s: float, pause: Callable[[float], Any]
) -> bool:
    networks = tuple(ipaddress.ip_network(source) for source in sources)
    ends = monotonic() + within_s
    while True:
        peers = (peer for table in tables for peer in _peers(table))
        if any(peer in network for peer in peers for network in networks):
            return True
        if monotonic() >= ends:
            return False
        pause(LOOK_EVERY_S)


def _peers(table: Path) -> Iterator[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    """Every far end of a table of the kernel's, those of ended connections too."""
    try:
        lines = table.read_text(encoding="ascii").splitlines()[1:]
    except OSError:
        return
    for fields in map(str.split, lines):
        raw = bytes.fromhex(fields[2].partition(":")[0])
        words = b"".join(raw[at : at + 4][::-1] for at in range(0, len(raw), 4))
        address = ipaddress.ip_address(words)
        yield getattr(address, "ipv4_mapped", None) or address


def hashing(subject: Subject, *, file: Path = HAPROXY_FILE) -> Iterator[Check]:
    """`balance source` places clients anew whenever a server leaves, unless its hash is consistent."""
    if not subject.layers(HAPROXY):
        return
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        yield skipped("balance", f"{file}: {error.strerror}")
        return
    moving = tuple(sections_that_move(text))
    if moving:
        yield warned(
            "balance",
            f"{', '.join(moving)}: a server that leaves moves other servers' clients too",
            cure="add `hash-type consistent` beside `balance source`",
        )
        return
    yield passed("balance", "no hash that moves other servers' clients")


def sections_that_move(text: str) -> Iterator[str]:
    """Sections of an HAProxy file that hash, and not consistently (configuration manual, "hash-type")."""
    inherited: dict[str, str] = {}
    for section in re.split(r"(?m)^(?=(?:global|defaults|frontend|backend|listen)\b)", text):
        heading, *lines = section.splitlines() or [""]
        words = [line.split("#")[0].split() for line in lines]
        said = {line[0]: line[1] for line in words if len(line) > 1 and line[0] in ("balance", "hash-type")}
        kind = heading.split()[:1]
        if kind == ["defaults"]:
            inherited = said
        effective = {**inherited, **said}
        hashes = effective.get("balance", "").split("(")[0] in ("source", "uri", "url_param", "hdr", "hash")
        if kind in (["backend"], ["listen"]) and hashes and effective.get("hash-type") != "consistent":
            yield " ".join(heading.split()[:2])
