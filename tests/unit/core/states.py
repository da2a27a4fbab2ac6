"""Abstract states of the table: every kind of layer, alone and in pairs, under every combination of facts.

Layers that no predicate of a situation can tell apart are one. Every combination of facts meets the next of
what is left, in steps of a prime: so every fact meets every layer state, and all of it runs in seconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import product
from typing import Any

from drainer.core.model import Face, Phase, Stage
from drainer.core.situation import Ack, Gate, Layer, Lease, Reads, Situation

BOTH = (False, True)
MEETS = {Reads.UNREADABLE: 8, Reads.THREAT: 1, Reads.QUIET: 8}
"""Layer states that each combination of facts meets: few facts, more of them."""

STRIDE = 7919
"""A prime: consecutive combinations of facts meet layer states far apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """What one reading of a layer can come to."""

    face: Face
    recorded: bool = True
    was_in: bool = True
    newly_in: bool = False
    reads_in: bool = False
    missing: bool = False


MEMBERS = (
    Member(face=Face.IN, reads_in=True),
    Member(face=Face.PARTIAL, reads_in=True, missing=True),
    Member(face=Face.LEAVING, missing=True),
    Member(face=Face.OUT, missing=True),
    Member(face=Face.OUT, was_in=False),
    Member(face=Face.IN, was_in=False, newly_in=True),
    Member(face=Face.IN, recorded=False, was_in=False),
    Member(face=Face.UNREADABLE),
    Member(face=Face.UNREADABLE, was_in=False),
    Member(face=Face.UNREADABLE, recorded=False, was_in=False),
)


def layers(name: str, *, cordons: bool, isolates: bool) -> Iterator[Layer]:
    for member, intended, done, unsettled, last_in in product(MEMBERS, BOTH, BOTH, BOTH, BOTH):
        unread = member.face is Face.UNREADABLE
        if (done and not intended) or (last_in and not unread):
            continue
        leaves = member.was_in and not (unread or member.reads_in) and intended and unsettled
        under_ways = BOTH if leaves else (False,)
        isolated = BOTH if isolates and not unread and member.was_in else (False,)
        for to_isolate, under_way in product(isolated, under_ways):
            yield Layer(
                name=name,
                cordons=cordons,
                isolates=isolates,
                face=member.face,
                recorded=member.recorded,
                was_in=member.was_in,
                newly_in=member.newly_in,
                reads_in=member.reads_in,
                missing=member.missing,
                to_isolate=to_isolate,
                intended=intended,
                done=done,
                unsettled=unsettled,
                under_way=under_way,
                last_in=last_in,
            )


def signature(pair: tuple[Layer, ...]) -> tuple[Any, ...]:
    """Everything that a predicate can make of these layers."""
    calm, forced = (
        Situation(reads=Reads.THREAT, layers=pair, busy=False),
        Situation(reads=Reads.THREAT, layers=pair, busy=False, past_force=True),
    )
    return (
        calm.face_in,
        forced.face_maybe_in,
        calm.to_cordon,
        forced.to_cordon,
        calm.to_ask_after,
        calm.to_isolate,
        calm.to_restore,
        calm.ours_unread,
        calm.returned[:1],
        calm.given_back[:1],
        calm.joining,
        calm.face_out,
        forced.face_out,
        calm.drained,
        calm.proven,
        calm.unsettled,
        any(layer.readable for layer in pair),
        any(layer.last_in for layer in pair),
    )


def layer_states() -> tuple[tuple[Layer, ...], ...]:
    """One of each kind of layers: alone, as probe and pool, and as two that only remove."""
    alone = tuple((layer,) for layer in layers("both", cordons=True, isolates=True))
    probes = tuple(layers("probe", cordons=True, isolates=False))
    pools = tuple(layers("pool", cordons=False, isolates=True))
    seconds = tuple(layers("pool2", cordons=False, isolates=True))[::5]
    pairs = (*alone, *product(probes, pools), *product(pools[::3], seconds))
    kinds = {(tuple(layer.name for layer in pair), signature(pair)): pair for pair in pairs}
    return tuple(kinds.values())


HOLD = Gate(name="hold", hard=True)
BUDGET = Gate(name="budget", hard=False)
LEASES: tuple[dict[str, Any], ...] = (
    {"release_owed": False},
    {"release_owed": True},
    {"release_owed": True, "lease": Lease.HELD, "phase": Phase.DRAINING},
    {"release_owed": True, "lease": Lease.HELD, "phase": Phase.REBOOTING},
    {"release_owed": True, "lease": Lease.DUE, "phase": Phase.DRAINING},
    {"release_owed": True, "lease": Lease.EXPIRED, "phase": Phase.REBOOTING},
)
ACKS: tuple[tuple[Ack, ...], ...] = (
    (),
    (Ack(event_id="E1"),),
    (Ack(event_id="E1", unproven=True),),
    (Ack(event_id="E1", siblings=True),),
    (Ack(event_id="E1", siblings=True, published=True, published_by_all=True),),
)
RESTING = {
    key: timedelta(seconds=1)
    for key in (
        *("open", "note", "acquire", "cordon", "release", "close", "publish E1", "acknowledge E1"),
        *(f"{verb} {name}" for verb in ("isolate", "restore") for name in ("both", "probe", "pool", "pool2")),
        *(f"hook {stage.value}" for stage in Stage),
    )
}

BEFORE: tuple[dict[str, Any], ...] = (
    {"open": False},
    {"open": True, "quiet_noted": True},
    {"open": True, "terms_noted": False},
)
"""Under threat these are over before anything else is looked at: few facts, each meets several states."""


def facts(reads: Reads) -> Iterator[dict[str, Any]]:
    """Every combination of what the rows of this kind look at beside the layers."""
    chosen = {
        Reads.UNREADABLE: _blind_facts,
        Reads.THREAT: _threat_facts,
        Reads.QUIET: _quiet_facts,
    }[reads]
    yield from chosen()


def _blind_facts() -> Iterator[dict[str, Any]]:
    names = ("open", "quiet_noted", "past_force", "yielded", "uses_budget")
    for values in product(product(BOTH, repeat=len(names)), ((), (HOLD,), (BUDGET,)), LEASES, ({}, RESTING)):
        flags, gates, lease, resting = values
        yield {**dict(zip(names, flags, strict=True)), "gates": gates, **lease, "backing_off": resting}


def _threat_facts() -> Iterator[dict[str, Any]]:
    for before, past_force, lease, _ in product(BEFORE, BOTH, LEASES, range(8)):
        yield {**before, "past_force": past_force, **lease}
    names = ("past_force", "yielded", "uses_budget", "takes_rebooting", "cordoned_noted", "before_deadline")
    for values in product(
        product(BOTH, repeat=len(names)),
        ((), (HOLD,), (BUDGET,)),
        LEASES,
        ACKS,
        (frozenset(), frozenset(Stage)),
        BOTH,
        ({}, RESTING),
    ):
        flags, gates, lease, acks, hooks, busy, resting = values
        yield {
            **dict(zip(names, flags, strict=True)),
            "open": True,
            "gates": gates,
            **lease,
            "acks": acks,
            "hooks_due": hooks,
            "busy": busy,
            "backing_off": resting,
        }


def _quiet_facts() -> Iterator[dict[str, Any]]:
    names = ("open", "quiet_noted", "settled", "hold", "healthy", "hook_aborted", "lease_unsettled")
    for values in product(
        product(BOTH, repeat=len(names)), LEASES, (frozenset(), frozenset(Stage)), ({}, RESTING)
    ):
        flags, lease, hooks, resting = values
        given = dict(zip(names, flags, strict=True))
        gates = (HOLD,) if given["hold"] else ()
        yield {**given, "gates": gates, **lease, "hooks_due": hooks, "backing_off": resting}


def situations(reads: Reads) -> Iterator[Situation]:
    """Every combination of facts, each with the next of the layer states."""
    states = layer_states()
    at = 0
    for given in facts(reads):
        for _ in range(MEETS[reads]):
            at = (at + STRIDE) % len(states)
            yield Situation(reads=reads, layers=states[at], **given)
