"""One maintenance that rolls over all VMs, one by one, under traffic: with the sidecars or without."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event, Thread
from time import monotonic

import requests

from drainer.demo.front import FRONTS, Front
from drainer.demo.load import LONGEST_S, Load
from drainer.demo.machine import Machine
from drainer.demo.places import LOOPBACK, Place, Site, places
from drainer.demo.platform import Platform
from drainer.demo.until import pause, until

WATCH_S = 0.1
BACK_WITHIN_S = 120.0
EVERY_OTHER = range(0, 100, 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """How long things take in the demo. Seconds."""

    notice_s: float = 60.0
    down_s: float = 3.0
    warm_up_s: float = 3.0
    between_s: float = 2.0
    lead_in_s: float = 3.0
    rate: float = 80.0
    at_least: int = 5000
    probe_interval_s: int = 2
    longest_s: float = LONGEST_S


SHORT = Act(
    notice_s=30.0, down_s=2.0, rate=40.0, at_least=500, lead_in_s=2.0, between_s=1.0, probe_interval_s=1
)


def unheeded(act: Act) -> Act:
    """The same where nobody drains: each notice runs out, so that a shorter one shows as much."""
    return replace(act, notice_s=min(act.notice_s, 5.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Something that happened to a VM, on the traffic's clock (monotonic seconds)."""

    at_s: float
    vm: str
    what: str


@dataclass(slots=True)
class Watched:
    """What an observer outside saw: marks, and when each VM took no new work."""

    marks: list[Mark] = field(default_factory=list)
    out: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    out_since: dict[str, float] = field(default_factory=dict)
    reboots: int = 0
    restored: int = 0
    looked: Callable[[dict[str, bool]], None] = lambda taking: None

    def saw(self, taking: dict[str, bool]) -> None:
        now = monotonic()
        for vm, takes in taking.items():
            since = self.out_since.get(vm)
            if takes and since is not None:
                self.out.setdefault(vm, []).append((since, now))
                del self.out_since[vm]
            elif not takes and since is None:
                self.out_since[vm] = now

    def mark(self, vm: str, what: str) -> None:
        self.marks.append(Mark(at_s=monotonic(), vm=vm, what=what))

    def seconds_out(self) -> dict[str, float]:
        return {vm: round(sum(end - start for start, end in spans), 1) for vm, spans in self.out.items()}


@dataclass(slots=True, kw_only=True)
class Stage:
    """Everything that runs during one maintenance."""

    places: tuple[Place, ...]
    machines: tuple[Machine, ...]
    platform: Platform
    front: Front
    load: Load
    watched: Watched


Tell = Callable[[str, str], None]
"""Called with a VM's name and what happened to it."""


@contextlib.contextmanager
def staged(
    root: Path,
    *,
    backend: str,
    sidecar: bool,
    act: Act,
    switches: tuple[str, ...] = (),
    site: Site = LOOPBACK,
) -> Iterator[Stage]:
    """Platform, balancer, VMs and traffic, up and serving; everything is stopped at the end."""
    vms = places(root, network=site.network)
    front: Front = FRONTS[backend](root, probe_interval_s=act.probe_interval_s, site=site)
    platform = Platform(front.topology(vms), root, switches=switches)
    for place in vms:
        place.policy.write_text(front.policy(place), encoding="utf-8")
    flags = tuple(front.flags())
    machines = tuple(
        Machine(place, sidecar=sidecar, warm_up_s=act.warm_up_s, flags=flags, network=site.network)
        for place in vms
    )
    load = Load(front.address, root, rate=act.rate, longest_s=act.longest_s)
    stage = Stage(places=vms, machines=machines, platform=platform, front=front, load=load, watched=Watched())
    with contextlib.ExitStack() as undo:
        undo.callback(platform.stop)
        platform.start()
        for machine in machines:
            undo.callback(machine.stop)
            machine.boot(warm=True)
        undo.callback(front.stop)
        front.start(vms, platform)
        until(lambda: _all_serve(stage), "all VMs to serve", within_s=60)
        if sidecar:
            until(lambda: all(place.socket.exists() for place in vms), "all sidecars to listen", within_s=60)
        undo.callback(load.stop)
        undo.enter_context(_watching(stage))
        load.start()
        yield stage


def roll(stage: Stage, act: Act, tell: Tell, *, silent: Container[int] = EVERY_OTHER) -> None:
    """Reboot every VM once; return when all serve and enough was asked.

    `silent`: the numbers, from 0, of the reboots that fall silent; at the others the host resets.
    """
    pause(act.lead_in_s)
    for number, machine in enumerate(stage.machines):
        _reboot(stage, machine, act, tell, silent=number in silent)
        pause(act.between_s)
    until(lambda: stage.load.asked >= act.at_least, f"{act.at_least} requests", within_s=600)
    pause(act.lead_in_s)


def _reboot(stage: Stage, machine: Machine, act: Act, tell: Tell, *, silent: bool) -> None:
    name, platform, watched = machine.place.name, stage.platform, stage.watched

    def say(what: str) -> None:
        watched.mark(name, what)
        tell(name, what)

    event = platform.schedule_reboot(name, notice_s=act.notice_s)
    say("notice")
    until(lambda: platform.status_of(event) != "Scheduled", "the reboot to start", within_s=act.notice_s + 60)
    say("reboot, silent" if silent else "reboot, resetting")
    if silent:
        platform.silence(name)
    machine.power_cut(silent=silent)
    watched.reboots += 1
    pause(act.down_s)
    if silent:
        platform.unsilence(name)
    machine.boot()
    say("boot")
    platform.complete(event)
    until(lambda: serves_again(stage, machine), f"{name} to be restored", within_s=BACK_WITHIN_S)
    watched.restored += 1
    say("restored")


def serves_again(stage: Stage, machine: Machine) -> bool:
    """Whether this VM takes new work, ready and undrained. Raises where a process of it ended by itself."""
    if machine.died:
        raise RuntimeError(f"{machine.place.name}: {machine.died} ended by itself; see {machine.place.root}")
    taken = stage.front.taking_work().get(machine.place.name, False)
    return taken and not machine.place.marker.exists() and _answers(machine.place)


def _answers(place: Place) -> bool:
    """The application says itself that it is ready: a balancer may not have noticed the reboot at all."""
    http = requests.Session()
    http.trust_env = False
    with contextlib.suppress(requests.RequestException):
        return http.get(f"http://{place.application}/ready", timeout=1).status_code == 200
    return False


def _all_serve(stage: Stage) -> bool:
    taking = stage.front.taking_work()
    return all(taking.get(place.name, False) for place in stage.places)


@contextlib.contextmanager
def _watching(stage: Stage) -> Iterator[None]:
    """Look at the balancer ten times a second, from outside, until left."""
    ended = Event()

    def watch() -> None:
        while not ended.wait(WATCH_S):
            with contextlib.suppress(OSError):
                taking = stage.front.taking_work()
                stage.watched.saw(taking)
                stage.watched.looked(taking)

    thread = Thread(target=watch, name="watch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(timeout=10)
