"""One tick of the shipped core over the abstract world: what it sees and decides."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import NamedTuple

from drainer.core.assess import Assessment, Observation
from drainer.core.record import Wished
from drainer.core.situation import Situation
from drainer.core.step import Step, key_of
from drainer.wishing import due_wishes
from tests.prove.model import Model, Verdict, as_it_is
from tests.prove.world import Mask, Node, World, seen_of

PATIENCE = timedelta(hours=1)


class Tick(NamedTuple):
    """One verdict, and the node it was made in, its due wishes journalled and its readings remembered."""

    node: Node
    verdict: Verdict

    @property
    def seen(self) -> Observation:
        return self.verdict.seen

    @property
    def assessment(self) -> Assessment:
        return self.verdict.assessment

    @property
    def situation(self) -> Situation:
        return self.verdict.assessment.situation

    @property
    def row(self) -> str:
        return self.verdict.row

    @property
    def step(self) -> Step:
        return self.verdict.step


def tick(node: Node, mask: Mask, model: Model) -> Tick:
    """Look, journal the wishes that are due, assess and decide. What cannot be read tells no worlds apart."""
    world = node.world
    seen = (
        id(node.state),
        mask,
        tuple("" if blind else stand for stand, blind in zip(world.stands, mask.layers, strict=True)),
        () if mask.document else world.notices,
        world.flows,
        world.resting,
        world.denied,
        world.last,
        world.sibling,
        world.tight,
    )
    verdict = model.verdicts.get(seen)
    if verdict is None:
        verdict = model.verdicts[seen] = _verdict(node, mask, model)
    last = _last(world, verdict, mask)
    if last != world.last:
        world = world._replace(last=last)
    return Tick(Node(world, verdict.state), verdict)


def _verdict(node: Node, mask: Mask, model: Model) -> Verdict:
    setup, core = model.setup, model.core
    seen = seen_of(node, mask, setup)
    due = due_wishes(seen, node.state, stuck_after=PATIENCE if setup.stuck else None, uptime=None)
    state = node.state
    if due:
        state = model.journals.same(model.folded(state, (Wished(wish=wish) for wish in due)))
    assessment = core.assess(seen, state, model.policies[node.world.tight])
    if core.weigh is not as_it_is:
        assessment = replace(assessment, situation=core.weigh(assessment.situation))
    decision = core.decide(assessment.situation)
    return Verdict(
        state=state,
        seen=seen,
        assessment=assessment,
        row=decision.row,
        step=decision.step,
        key=key_of(decision.step),
    )


def _last(world: World, verdict: Verdict, mask: Mask) -> tuple[str, ...]:
    """Last readings matter until an episode opens."""
    if verdict.state.episode is not None:
        return ("",) * len(world.last)
    reads = zip(world.stands, world.last, mask.layers, strict=True)
    return tuple(last if blind else stand for stand, last, blind in reads)
