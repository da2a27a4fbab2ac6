"""The balancer's own health probe, failed on purpose by a marker file.

The daemon only writes the marker; whoever answers the prober reads it, so that a daemon that dies, stops
or is upgraded changes no answer. A marker never cuts a flow: a probe that goes down stops new flows, and
established ones go on (Azure, "Load Balancer custom probe overview").
"""

from __future__ import annotations

import errno
import ipaddress
import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import Enum
from pathlib import Path
from urllib.parse import urlsplit

from drainer.core.model import (
    Done,
    Entry,
    InFlight,
    Instant,
    Membership,
    Progress,
    Standing,
    Unmeasured,
    Work,
    elapsed,
)
from drainer.core.naming import same_vm
from drainer.errors import Broken, DrainerError, Refused, Transient
from drainer.ports import BackendKind, Mark, Surroundings
from drainer.probe import marker as markers
from drainer.transport.ask import Answered, Silent, Unasked, Unreachable, ask

ENTRY = "probe"
ROUTE_LIMIT = timedelta(seconds=2)
PATIENCE = 3
"""A prober that has not asked for so many times the expected wait is taken to be absent."""

LONGEST_INTERVAL = timedelta(days=1)
MOST_FAILURES = 1000
PERSON_NEEDED = {errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.EPERM, errno.EISDIR}


class Mode(Enum):
    """Who answers the prober."""

    FILE = "file"  # the application's own route, or nginx, reads the marker
    LISTEN = "listen"  # the probe unit (`drainer probe`) answers, and leaves evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """`interval`, `threshold` and `sources` are the balancer's: how often, how many failures, from where.

    `sources`: addresses or networks; none named: every asker but loopback is taken for the prober.
    168.63.129.16 is Azure's.
    """

    mode: Mode = Mode.FILE
    marker: str = "/var/lib/drainer/draining"
    route: str = "http://127.0.0.1:80/ready"
    interval: timedelta = timedelta(seconds=5)
    threshold: int = 2
    sources: tuple[str, ...] = ("168.63.129.16",)

    def __post_init__(self) -> None:
        if not Path(self.marker).is_absolute():
            raise ValueError(f"marker: expected an absolute path, got {self.marker!r}")
        if not _is_url(self.route):
            raise ValueError(f"route: expected an http:// or https:// URL without a user, got {self.route!r}")
        if not timedelta(0) < self.interval <= LONGEST_INTERVAL:
            expected = f"more than 0s and at most {LONGEST_INTERVAL.days}d"
            raise ValueError(f"interval: expected {expected}, got {self.interval.total_seconds():g}s")
        if not 1 <= self.threshold <= MOST_FAILURES:
            raise ValueError(f"threshold: expected 1 to {MOST_FAILURES}, got {self.threshold}")
        for source in self.sources:
            _network(source)

    @property
    def notices_in(self) -> timedelta:
        """After so long a prober that asks has seen threshold + 1 failures."""
        return self.interval * (self.threshold + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What this process saw under one marker. `down_since`: since when the route is seen down."""

    marker: str
    since: Instant
    down_since: Instant | None = None


class HealthProbe:
    """One entry: the probed route. Cordons, never isolates."""

    name = "health-probe"
    cordons = True
    isolates = False
    read_every = timedelta(0)
    settles_in = timedelta(0)

    def __init__(self, options: Options, around: Surroundings) -> None:
        self._options = options
        self._around = around
        self._path = Path(options.marker)
        self._watch: Watch | None = None

    def membership(self) -> Membership:
        """No marker: In. A marker: Leaving until the prober knows (`detail`: what is awaited), then Out."""
        which = self._which()
        if which is None:
            self._watch = None
            return _membership(Standing.IN)
        awaited = self._awaited(which)
        return _membership(Standing.LEAVING if awaited else Standing.OUT, awaited)

    def in_flight(self) -> Work:
        """A probe counts no work, so it adds none; it withholds the proof where no prober shows up."""
        which = self._which()
        if which is None or self._options.mode is Mode.FILE:
            return InFlight(count=0)
        waited = elapsed(self._watched(which).since, self._around.clock.now())
        if waited > self._options.notices_in * PATIENCE and not self._probers(which):
            return Unmeasured(reason="no prober seen")
        return InFlight(count=0)

    def cordon(self) -> Progress:
        """Write the marker; one that is there, whosever it is, stays as it is."""
        if self._which() is not None:
            return Done()
        try:
            markers.write(self._path, self._text())
        except OSError as error:
            raise self._failure(error) from error
        return Done()

    def isolate(self, was: Membership) -> Progress:
        raise Refused("cannot-isolate", "a health probe stops new work, it removes nothing")

    def restore(self, was: Membership) -> Progress:
        if ENTRY not in was.taking_work:
            return Done()
        try:
            markers.remove(self._path)
        except OSError as error:
            raise self._failure(error) from error
        self._watch = None
        return Done()

    def mark(self) -> Mark | None:
        """The marker itself, where it says that this daemon wrote it for this VM."""
        if self._which() is None:
            return None
        found, vm = markers.read(self._path), self._around.vm_name()
        if found.get("owner") != "drainer" or not same_vm(str(found.get("vm")), vm):
            return None
        return Mark(vm_id="", entries=_membership(Standing.IN), since=str(found.get("since", "")))

    def in_service_count(self) -> int | Unmeasured:
        return Unmeasured(reason="a probe knows nothing of other members")

    def undo(self) -> str:
        return f"rm -f {shlex.quote(self._options.marker)}"

    def close(self) -> None:
        """Nothing is held, and the marker stays."""

    def _which(self) -> str | None:
        try:
            return markers.identity(self._path)
        except OSError as error:
            raise self._failure(error) from error

    def _watched(self, which: str) -> Watch:
        if self._watch is None or self._watch.marker != which:
            self._watch = Watch(marker=which, since=self._around.clock.now())
        return self._watch

    def _awaited(self, which: str) -> str:
        """What is still missing before the prober can be said to know; "" when nothing is."""
        watch = self._watched(which)
        if self._options.mode is Mode.LISTEN:
            return self._awaited_of_prober(which)
        if refusal := self._route_still_up():
            self._watch = replace(watch, down_since=None)
            return refusal
        now = self._around.clock.now()
        down_since = watch.down_since or now
        self._watch = replace(watch, down_since=down_since)
        if elapsed(down_since, now) < self._options.notices_in:
            return "the route is down; the prober needs time to see it"
        return ""

    def _awaited_of_prober(self, which: str) -> str:
        probers = self._probers(which)
        if not probers:
            return "the prober has not asked since the marker appeared"
        if min(probers.values()) <= self._options.threshold:
            return "the prober has not been answered down often enough"
        return ""

    def _route_still_up(self) -> str:
        """Why the prober may still see this VM up. Silence is no proof: probers wait longer than we do. Nor
        is what we could not ask: they ask an address, where we may have a name, and believe any certificate.
        """
        match ask(self._options.route, within=ROUTE_LIMIT):
            case Answered(status=200):
                return f"{self._options.route} still answers 200 although the marker is there"
            case Silent():
                return f"{self._options.route} gave no answer within {ROUTE_LIMIT.total_seconds():g}s"
            case Unasked(reason=reason):
                return f"{self._options.route} could not be asked: {reason}"
            case Answered() | Unreachable():
                return ""

    def _probers(self, which: str) -> Mapping[str, int]:
        """The prober's addresses that asked under this marker, and how often each was answered down."""
        networks = tuple(_network(source) for source in self._options.sources)
        seen = markers.read_evidence(self._path, which)
        return {asker: count for asker, count in seen.items() if _is_prober(asker, networks)}

    def _text(self) -> str:
        record = {
            "schema": 1,
            "owner": "drainer",
            "vm": self._around.vm_name(),
            "since": self._around.clock.now().wall.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "undo": self.undo(),
        }
        return json.dumps(record, indent=2) + "\n"

    def _failure(self, error: OSError) -> DrainerError:
        kind = Broken if error.errno in PERSON_NEEDED else Transient
        return kind("marker-unusable", f"{self._path}: {error.strerror or error}")


Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _membership(standing: Standing, detail: str = "") -> Membership:
    return Membership(entries=(Entry(name=ENTRY, standing=standing, detail=detail),))


def _is_url(text: str) -> bool:
    """What a prober can be told to ask. A name and password in it would stand in logs and in the journal."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return False
    plain = text.isascii() and text.isprintable() and not {" ", "#", "\\"} & set(text)
    return (
        plain
        and parts.scheme in ("http", "https")
        and bool(parts.hostname)
        and port != 0
        and ("@" not in parts.netloc)
    )


def _network(text: str) -> Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise ValueError(f"sources: expected an address or a network, got {text!r}") from error


def _is_prober(asker: str, networks: tuple[Network, ...]) -> bool:
    try:
        address = ipaddress.ip_address(asker)
    except ValueError:
        return False
    if not networks:
        return not address.is_loopback
    return any(address in network for network in networks)


def build(options: Options, around: Surroundings) -> HealthProbe:
    return HealthProbe(options, around)


KIND = BackendKind(name="health-probe", options=Options, build=build)
