"""One configuration with the core that is searched in it, and what was worked out already."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from typing import Any

from drainer.core import assess as core_assess
from drainer.core import decide as core_decide
from drainer.core import fold as core_fold
from drainer.core.assess import Assessment, Observation
from drainer.core.decide import Decision
from drainer.core.episode import State
from drainer.core.policy import Policy
from drainer.core.record import Body, Record
from drainer.core.situation import Situation
from drainer.core.step import Step
from tests.prove.journals import Journals
from tests.prove.world import NOW, Mask, Node, Setup, beginning, masks


def as_it_is(situation: Situation) -> Situation:
    return situation


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """The shipped functions, or ones that believe something wrong."""

    assess: Callable[[Observation, State, Policy], Assessment] = core_assess.assess
    weigh: Callable[[Situation], Situation] = as_it_is
    decide: Callable[[Situation], Decision] = core_decide.decide
    after: Callable[[State, Record], State] = core_fold.after


SHIPPED = Core()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One decision, and the journal it was made with, wishes that were due included."""

    state: State
    seen: Observation
    assessment: Assessment
    row: str
    step: Step
    key: str


Label = tuple[Mask | None, Verdict | None, str]
"""An edge of a tick (what it could not read, its verdict, how it ended), or, without them, of the world."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ageing:
    """What time does to a journal. `lands`: the layer (-1: the lease) whose late write comes before."""

    label: str
    state: State
    lands: int | None = None
    ends_lease: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """What is searched, with its memory."""

    setup: Setup
    core: Core
    masks: tuple[Mask, ...]
    policies: tuple[Policy, Policy]
    journals: Journals = field(default_factory=Journals)
    verdicts: dict[tuple[Any, ...], Verdict] = field(default_factory=dict)
    ageings: dict[int, tuple[Ageing, ...]] = field(default_factory=dict)

    def beginning(self) -> Node:
        start = beginning(self.setup)
        return start._replace(state=self.journals.same(start.state))

    def ageings_of(
        self, state: State, work_out: Callable[[State, Model], Iterable[Ageing]]
    ) -> tuple[Ageing, ...]:
        """What time does to this kept journal, worked out once."""
        found = self.ageings.get(id(state))
        if found is None:
            found = self.ageings[id(state)] = tuple(work_out(state, self))
        return found

    def journalled(self, state: State, why: Hashable, bodies: Callable[[], Iterable[Body]]) -> State:
        """The journal with these records added; `why` tells them from any others."""
        return self.journals.derived(state, why, lambda: self.folded(state, bodies()))

    def folded(self, state: State, bodies: Iterable[Body]) -> State:
        for body in bodies:
            state = self.core.after(state, Record(at=NOW, body=body))
        return state


def model_of(setup: Setup, core: Core = SHIPPED) -> Model:
    policies = (setup.policy(tight=False), setup.policy(tight=True))
    return Model(setup=setup, core=core, masks=masks(setup), policies=policies)


def key_of_node(node: Node) -> tuple[Any, ...]:
    """The node as a key: the same world and the same kept journal."""
    return (node.world, id(node.state))
