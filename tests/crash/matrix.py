"""The product: every acting step × each moment of a death × what the next life wakes up on.

Generated from what a whole life wrote and did, so that a new step joins by itself; the table of a whole run
names each step of `STEPS`, and one that no story takes is a finding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from drainer.core.record import Body, Closed, Finished, Intended, Joined, Noted, Opened
from drainer.core.step import STEPS, Wait
from tests.crash.mortal import How
from tests.crash.stories import RESTARTS, STORIES, Mark, Told


class Moment(Enum):
    BEFORE_INTENT = "before intent"
    BEFORE_ACT = "intent, no act"
    ACTED = How.ACTED.value
    HALF = How.HALF.value
    LATE = How.LATE.value
    BEFORE_OUTCOME = "act, no outcome"
    AFTER_OUTCOME = "after outcome"


DURING = {Moment.ACTED: How.ACTED, Moment.HALF: How.HALF, Moment.LATE: How.LATE}
WITHOUT_A_TRACE = (Moment.BEFORE_INTENT, Moment.AFTER_OUTCOME)
"""A death at these moments repeats no call: nothing was under way."""


@dataclass(slots=True, kw_only=True)
class Taken:
    """One step of a whole life: `label`, the numbers of its writes, and its verbs (True: has halves)."""

    step: str
    label: str
    writes: list[int]
    verbs: dict[int, bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    story: str
    step: str
    label: str
    moment: Moment
    number: int
    restart: str

    def __str__(self) -> str:
        return f"{self.story}: {self.label}, {self.moment.value} (at {self.number}), {self.restart}"


def acting() -> frozenset[str]:
    """Names of all steps that do something."""
    return frozenset(cls.__name__.lower() for cls in STEPS if cls is not Wait)


def whole(story: str) -> Told:
    """The life that nobody cuts short."""
    told = Told("same boot")
    STORIES[story](told)
    return told


def taken(trace: Sequence[Mark]) -> tuple[Taken, ...]:
    """The steps of a whole life, in order."""
    steps: list[Taken] = []
    for kind, number, what in trace:
        if kind == "verb":
            steps[-1].verbs[number] = bool(what)
        elif isinstance(what, Finished):
            steps[-1].writes.append(number)
        elif not isinstance(what, bool) and (named := _named(what)):
            steps.append(Taken(step=named[0], label=" ".join(named).strip(), writes=[number]))
    return tuple(steps)


def _named(body: Body) -> tuple[str, ...]:
    match body:
        case Opened():
            return ("open",)
        case Joined():
            return ("open", "joined")
        case Noted(what=what):
            return ("note", what.value)
        case Closed():
            return ("close",)
        case Intended(step=step, stage=stage, phase=phase, event_id=event_id, layers=layers):
            of = stage.value if stage else phase.value if phase else event_id or "+".join(layers)
            return (step, of)
        case _:
            return ()


def points(step: Taken) -> Iterator[tuple[Moment, int]]:
    """Each moment of a death, with the number of the write or of the verb."""
    yield Moment.BEFORE_INTENT, step.writes[0]
    if len(step.writes) > 1:
        yield Moment.BEFORE_ACT, step.writes[0]
        for verb, halves in step.verbs.items():
            yield Moment.ACTED, verb
            yield Moment.LATE, verb
            if halves:
                yield Moment.HALF, verb
        for number in step.writes[1:]:
            yield Moment.BEFORE_OUTCOME, number
    yield Moment.AFTER_OUTCOME, step.writes[-1]


def cells(stories: Mapping[str, Told], restarts: Sequence[str] = RESTARTS) -> Iterator[Cell]:
    for story, life in stories.items():
        for step in taken(life.trace):
            for moment, number in points(step):
                for restart in restarts:
                    yield Cell(
                        story=story,
                        step=step.step,
                        label=step.label,
                        moment=moment,
                        number=number,
                        restart=restart,
                    )


def lived(cell: Cell) -> Told:
    """The life of this cell, to its end."""
    told = Told(cell.restart)
    if cell.moment in DURING:
        told.hand.dies_at, told.hand.how = cell.number, DURING[cell.moment]
    elif cell.moment in (Moment.BEFORE_INTENT, Moment.BEFORE_OUTCOME):
        told.store.dies_before = cell.number
    else:
        told.store.dies_after = cell.number
    STORIES[cell.story](told)
    return told


def findings(cell: Cell, told: Told, model: Told) -> tuple[str, ...]:
    """What is wrong with the ending of this cell; nothing where all is as it must be."""
    judge = _untouched if cell.restart == "another VM" else _converged
    wrong = [] if told.deaths == 1 else [f"died {told.deaths} times"]
    return tuple(f"{cell}: {what}" for what in (*wrong, *judge(cell, told, model)))


def _converged(cell: Cell, told: Told, model: Told) -> Iterator[str]:
    """The owner's membership, no lease, closed, acknowledged as ever, and nothing done twice."""
    if told.world.open:
        yield "the episode is still open"
    if told.memberships() != told.was:
        yield f"the layers are not as they were: {told.memberships()}"
    if told.ledger.live(told.world.now):
        yield "a lease is left"
    if set(told.feed.acknowledged) != set(model.feed.acknowledged):
        yield f"acknowledged {told.feed.acknowledged}, not {model.feed.acknowledged}"
    yield from _done_twice(cell, told, model)


def _done_twice(cell: Cell, told: Told, model: Told) -> Iterator[str]:
    """A call that was under way may be repeated, once; a lease is asked for anew on a new boot, which changes
    nothing. A write that lands late may undo a later one, which is then made good."""
    spare = cell.moment not in WITHOUT_A_TRACE
    changes, of_model = told.changes, model.changes
    if cell.moment is not Moment.LATE and changes > of_model:
        yield f"{changes} changes of layers, {of_model} were due"
    calls, due = _calls(told), _calls(model)
    if calls > due + spare:
        yield f"{calls} hooks and acknowledgements, {due} were due"


def _calls(told: Told) -> int:
    return len(told.hooks.calls) + len(told.feed.acknowledged)


def _untouched(cell: Cell, told: Told, model: Told) -> Iterator[str]:
    """Nothing of another VM's journal is acted on: it is set aside, and no verb is called."""
    if told.world.open:
        yield "an episode is open"
    if told.hand.count != told.verbs_at_death:
        yield "a verb was called for another VM's journal"
    if told.store.lines:
        yield f"another VM's journal goes on: {told.store.lines}"
    if cell.moment is not Moment.LATE and told.changes != told.changes_at_death:
        yield "a layer was touched"


def unreached(stories: Mapping[str, Told]) -> frozenset[str]:
    """Acting steps that no story takes."""
    return acting() - {step.step for life in stories.values() for step in taken(life.trace)}


def run(
    stories: Mapping[str, Told], chosen: Sequence[Cell], *, each: Callable[[Cell], None] = lambda cell: None
) -> tuple[str, ...]:
    """All findings of these cells."""
    found: list[str] = []
    for cell in chosen:
        found += findings(cell, lived(cell), stories[cell.story])
        each(cell)
    return tuple(found)
