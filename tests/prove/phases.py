"""The phases that people are shown, and what leads from one to the next, drawn from the searched graph."""

from __future__ import annotations

from dataclasses import dataclass, field

from drainer.core.phase import VmPhase, phase_of
from drainer.core.step import Note, Step, Wait, name_of
from tests.prove.model import Label, Model
from tests.prove.search import search
from tests.prove.setups import DRAWN
from tests.prove.ticks import tick
from tests.prove.world import Node, Setup

Ways = dict[tuple[VmPhase, VmPhase], set[str]]
CAUSES = {"operator": "by hand", "notice": "a notice", "flows": "work ends"}
"""What the world does, by the first word of its edge; anything else is time, or named in full."""

NAMED = ("the journal is lost",)

INTRO = """\
# Phases

What `status` calls the phase is a view of what the sidecar does and of the episode that is open, never an
input: the [decision table](decision-table.md) alone decides. This picture is drawn from the graph that
`make prove` searches (`python -m tests.prove --diagram` writes it, and a test holds it to the graph). A line
names the steps of ours that lead on, done or tried; in brackets, what else does where no step can. *starting*
lasts until the first look, which leads to any of these. *blind* may follow each of them, while what it waits
for cannot be read, and leads back.
"""


@dataclass(frozen=True, slots=True)
class Drawing:
    """Ways between phases, as edges of the search tell them."""

    ways: Ways = field(default_factory=dict)

    def watch(self, model: Model, node: Node, label: Label, reached: Node) -> None:
        """One edge of the graph: the phase of a look before it, and of the same look after it."""
        mask, verdict, what = label
        if mask is None or verdict is None:
            before = tick(node, model.masks[0], model).verdict
            cause = f"({what if what in NAMED else CAUSES.get(what.split()[0], 'time')})"
            mask = model.masks[0]
        else:
            before = verdict
            cause = _step(verdict.step)
        if mask.document or (isinstance(before.step, Wait) and before is verdict):
            return
        after = tick(reached, mask, model).verdict
        left = phase_of(before.step, before.state.episode)
        entered = phase_of(after.step, after.state.episode)
        if left is not entered and VmPhase.BLIND not in (left, entered):
            self.ways.setdefault((left, entered), set()).add(cause)


def _step(step: Step) -> str:
    return f"note {step.what.value}" if isinstance(step, Note) else name_of(step)


def ways_of(setups: tuple[Setup, ...]) -> Ways:
    """Every way between phases that these searches meet."""
    drawing = Drawing()
    for setup in setups:
        search(setup, watch=drawing.watch)
    return drawing.ways


def page(setups: tuple[Setup, ...] = DRAWN) -> str:
    """docs/phases.md, whole."""
    ways = ways_of(setups)
    order = list(VmPhase)
    lines = ["stateDiagram-v2", f"    [*] --> {VmPhase.STEADY.value}"]
    for left, entered in sorted(ways, key=lambda way: (order.index(way[0]), order.index(way[1]))):
        causes = ways[left, entered]
        steps = {cause for cause in causes if not cause.startswith("(")}
        lines.append(f"    {left.value} --> {entered.value}: {', '.join(sorted(steps or causes))}")
    return "\n".join((INTRO, "```mermaid", *lines, "```", ""))
