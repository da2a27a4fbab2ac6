"""The abstract world around one VM, and what a tick sees of it.

Time stands still at `NOW`: what takes time is an edge that ages what it concerns (`tests.prove.passing`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import NamedTuple

from drainer.core.assess import LayerSight, Observation
from drainer.core.episode import State
from drainer.core.model import (
    At,
    Blank,
    Document,
    Entry,
    Event,
    EventSource,
    EventStatus,
    InFlight,
    Instant,
    Membership,
    SourceKind,
    Stage,
    Standing,
    Unreadable,
    Vm,
    later,
)
from drainer.core.policy import Acknowledge, Policy, Rule

NOW = Instant(wall=datetime(2026, 1, 1, tzinfo=UTC), monotonic_s=1e6, boot="boot")
LONG_AGO = later(NOW, -timedelta(hours=2))
NOT_BEFORE = {
    "before": NOW.wall + timedelta(minutes=20),
    "due": NOW.wall + timedelta(minutes=4),
    "force": NOW.wall + timedelta(seconds=30),
}
"""NotBefore of a notice by how near it is: outside its lead, inside it, past its force."""

FORCE = timedelta(minutes=1)
VM = Vm(name="vm1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What one layer can do."""

    name: str
    cordons: bool
    isolates: bool


BOTH = Kind(name="both", cordons=True, isolates=True)
PROBE = Kind(name="probe", cordons=True, isolates=False)
POOL = Kind(name="pool", cordons=False, isolates=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """One configuration, and how many faults and operators' acts a path may have.

    `appears`, `comes`: how near a notice may be at first, and come to be. `hands`: what operators do to a
    layer by hand. `blind`: reads may fail. `answers`: others than yes and no answer come, too. `late`: a
    write whose answer was lost may land later. `stuck`: patience with a notice ends. `reloads`: the policy
    may come to allow less. `loses`: the journal may be lost. `clocks`: a fault may be a reboot with the clock
    set forward. `fails`: steps that fail for ever.
    """

    name: str
    layers: tuple[Kind, ...] = (PROBE,)
    faults: int = 1
    acts: int = 0
    notices: tuple[str, ...] = ("e1",)
    appears: tuple[str, ...] = ("due", "force", "started")
    comes: tuple[str, ...] = ("force", "started")
    hands: tuple[str, ...] = ("in", "out")
    blind: bool = True
    budget: bool = False
    denies: bool = False
    answers: bool = False
    expires: bool = True
    acknowledge: Acknowledge = Acknowledge.WHEN_DRAINED
    hooks: frozenset[Stage] = frozenset()
    siblings: bool = False
    health: bool = False
    late: bool = True
    wishes: tuple[str, ...] = ()
    stuck: bool = False
    reloads: bool = False
    loses: bool = False
    clocks: bool = False
    fails: frozenset[str] = frozenset()
    starts_out: bool = False

    def policy(self, *, tight: bool) -> Policy:
        """`tight`: as a reload leaves it that allows less."""
        rule = Rule(force=FORCE, acknowledge=self.acknowledge)
        if tight:
            rule = replace(
                rule, acknowledge=Acknowledge.NEVER, use_budget=False, drain_timeout=timedelta(minutes=1)
            )
        return Policy(rules=(rule,), backend=())


class World(NamedTuple):
    """Everything but the journal. A layer stands I(n), L(eaving), O(ut) or X (removed hard).

    `wants`: where its owner wants each layer, E where either is right. `late`: a write that has yet to land.
    `lease` as the budget knows it. `last`, `resting`, `denied`: what this life of the daemon remembers.
    """

    stands: tuple[str, ...]
    wants: tuple[str, ...]
    late: tuple[str, ...]
    notices: tuple[tuple[str, str], ...] = ()
    flows: bool = True
    lease: str = ""
    late_lease: str = ""
    sibling: bool = False
    tight: bool = False
    acked: frozenset[str] = frozenset()
    last: tuple[str, ...] = ()
    resting: frozenset[str] = frozenset()
    denied: str = ""
    faults: int = 0
    acts: int = 0


class Node(NamedTuple):
    world: World
    state: State


class Mask(NamedTuple):
    """What a tick cannot read, and whether the application fails its check in it."""

    document: bool = False
    layers: tuple[bool, ...] = ()
    health: bool = False


def beginning(setup: Setup) -> Node:
    stands = tuple(("O" if setup.starts_out and at == 0 else "I") for at, _ in enumerate(setup.layers))
    blank = tuple("" for _ in stands)
    return Node(World(stands=stands, wants=stands, late=blank, last=blank), State())


def masks(setup: Setup) -> tuple[Mask, ...]:
    """Nothing, the document, each layer, and everything unreadable; and the application failing its check."""
    count = len(setup.layers)
    none, everything = (False,) * count, (True,) * count
    each = tuple(tuple(at == blind for at in range(count)) for blind in range(count))
    found = [Mask(layers=none), Mask(document=True, layers=none), *(Mask(layers=one) for one in each)]
    found += [Mask(document=True, layers=everything), Mask(layers=everything)]
    found = found if setup.blind else found[:1]
    if setup.health:
        found += [mask._replace(health=True) for mask in found]
    return tuple(dict.fromkeys(found))


STANDS = {
    "I": Entry(name="e", standing=Standing.IN),
    "L": Entry(name="e", standing=Standing.LEAVING),
    "O": Entry(name="e", standing=Standing.OUT),
    "X": Entry(name="e", standing=Standing.OUT, isolated=True),
}
MEMBERSHIPS = {stand: Membership(entries=(entry,)) for stand, entry in STANDS.items()}
BLIND = Unreadable(kind="unreadable", reason="")


@cache
def document_of(notices: tuple[tuple[str, str], ...], *, siblings: bool) -> Document:
    resources = ("vm1", "vm2") if siblings else ("vm1",)
    events = tuple(
        Event(
            id=event_id,
            type="Reboot",
            status=EventStatus.STARTED if nearness == "started" else EventStatus.SCHEDULED,
            not_before=Blank() if nearness == "started" else At(at=NOT_BEFORE[nearness]),
            resources=resources,
            source=EventSource.PLATFORM,
        )
        for event_id, nearness in notices
    )
    return Document(source=SourceKind.SCHEDULED_EVENTS, vm=VM, events=events, read_at=NOW)


def seen_of(node: Node, mask: Mask, setup: Setup) -> Observation:
    """What the reconciler would put before `assess`."""
    world = node.world
    sights = tuple(
        LayerSight(
            name=kind.name,
            cordons=kind.cordons,
            isolates=kind.isolates,
            reading=BLIND if blind else MEMBERSHIPS[stand],
            last=MEMBERSHIPS.get(last),
        )
        for kind, stand, blind, last in zip(setup.layers, world.stands, mask.layers, world.last, strict=True)
    )
    document = BLIND if mask.document else document_of(world.notices, siblings=setup.siblings)
    published = {event_id: frozenset({"vm2"}) for event_id, _ in world.notices} if world.sibling else {}
    return Observation(
        now=NOW,
        document=document,
        layers=sights,
        work=InFlight(count=int(world.flows)),
        still_since=None if world.flows else LONG_AGO,
        passes=0 if mask.health else 9,
        hook_stages=setup.hooks,
        budget=setup.budget,
        denied=world.denied,
        published=published,
        backing_off={key: timedelta(seconds=1) for key in world.resting},
    )
