"""Whether every path ends well once faults stop: the one continuation in which time passes at each Wait.

What fails for ever goes on failing in it: then everything else ends well.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from drainer.core.episode import State
from drainer.core.record import Wished
from drainer.core.step import Wait
from drainer.core.wish import Resume
from tests.prove.endings import endings
from tests.prove.model import Model, key_of_node
from tests.prove.passing import landed, lease_older, lease_settled, settled
from tests.prove.ticks import tick
from tests.prove.world import LONG_AGO, Node, Setup

LONGEST = 150
BURST = 25

Known = dict[tuple[Any, ...], str]


def ends_well(node: Node, model: Model, known: Known) -> str:
    """ "" where the owner's membership, no lease and no open episode are reached; else what is wrong."""
    at = _quiet(node, model)
    path: list[tuple[Any, ...]] = []
    burst = 0
    verdict = "no rest"
    seen: set[tuple[Any, ...]] = set()
    blank = model.masks[0]
    for _ in range(LONGEST):
        key = key_of_node(at)
        if key in known:
            verdict = known[key]
            break
        if key in seen:
            verdict = _verdict(at, model.setup)
            break
        seen.add(key)
        path.append(key)
        ticked = tick(at, blank, model)
        if isinstance(ticked.step, Wait):
            burst = 0
            at = _later(ticked.node, model)
            continue
        burst += 1
        if burst > BURST:
            verdict = f"livelock at {ticked.row}"
            break
        at = next(endings(ticked, model))[1]
    known.update(dict.fromkeys(path, verdict))
    return verdict


def _quiet(node: Node, model: Model) -> Node:
    """Faults, operators and notices are over; what an operator asked to hold is too."""
    state = model.journals.derived(node.state, "quiet", lambda: _unheld(node.state))
    return Node(node.world._replace(notices=(), faults=99, acts=99), state)


def _unheld(state: State) -> State:
    return replace(state, wishes=replace(state.wishes, hold_until=None, drain=None, drain_since=None))


def _later(node: Node, model: Model) -> Node:
    """Time passes: what is on its way lands, then everything is over that has a time."""
    world, state, setup = node.world, node.state, model.setup
    for at, write in enumerate(world.late):
        if write:
            return landed(node, at, setup)
    if world.late_lease:
        return Node(world._replace(lease=world.late_lease, late_lease=""), state)
    stands = tuple("O" if stand == "L" else stand for stand in world.stands)
    flows = all(stand == "I" for stand in stands)
    if _aborted(state):
        return Node(world, model.journalled(state, "resume", lambda: (Wished(wish=Resume()),)))
    world = world._replace(stands=stands, flows=flows, resting=frozenset(), denied="")
    done = model.journals.derived(state, "all settled", lambda: _settled(state, setup))
    older = done.episode and lease_older(done.episode, setup)
    if not older:
        return Node(world, done)
    _, episode, ends = older
    aged = model.journals.derived(done, "lease older", lambda: replace(done, episode=episode))
    return Node(world._replace(lease="") if ends else world, aged)


def _settled(state: State, setup: Setup) -> State:
    episode = state.episode
    if episode is None:
        return state
    for kind in setup.layers:
        if kind.name in episode.layers:
            episode = settled(episode, kind.name)
    since, at = episode.quiet_since and LONG_AGO, episode.cordoned_at and LONG_AGO
    return replace(state, episode=replace(lease_settled(episode), quiet_since=since, cordoned_at=at))


def _verdict(node: Node, setup: Setup) -> str:
    world, state = node.world, node.state
    never = [f"restore {kind.name}" in setup.fails for kind in setup.layers]
    excused = False
    for stand, want, for_ever in zip(world.stands, world.wants, never, strict=True):
        if want == "I" and stand != "I" and not for_ever:
            return "stays out"
        if want == "O" and stand == "I":
            return "in against the operator"
        excused = excused or (for_ever and stand != "I")
    if excused:
        return ""
    if state.episode is not None:
        return "stays open for ever"
    return "lease leaked" if world.lease else ""


def _aborted(state: State) -> bool:
    """A hook's no holds until an operator asks to resume; in the end somebody does."""
    return state.episode is not None and any(facts.aborted for facts in state.episode.hooks.values())
