"""Over every node that the core, the world and its faults can reach: fewest faults, then shortest, first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

from tests.prove.endings import endings
from tests.prove.fair import Known, ends_well
from tests.prove.frontier import Frontier, Key
from tests.prove.model import SHIPPED, Core, Label, Model, key_of_node, model_of
from tests.prove.passing import passing
from tests.prove.safety import broken
from tests.prove.ticks import tick
from tests.prove.world import Mask, Node, Setup

Watch = Callable[[Model, Node, Label, Node], None]


@dataclass(slots=True, kw_only=True)
class Found:
    """What one search came to. `stories`: the shortest story of each property that was broken."""

    states: int = 0
    transitions: int = 0
    complete: bool = True
    rows: set[str] = field(default_factory=set)
    stories: dict[str, tuple[str, ...]] = field(default_factory=dict)


def search(
    setup: Setup,
    *,
    core: Core = SHIPPED,
    most: int = 1_000_000,
    until: str = "",
    watch: Watch | None = None,
) -> Found:
    """Every reachable node, judged. `until`: stop once this property is broken. `watch` is told each edge."""
    model = model_of(setup, core)
    found = Found()
    start = model.beginning()
    parents: dict[Key, tuple[Key, Label] | None] = {key_of_node(start): None}
    frontier = Frontier()
    frontier.offer(start)
    known: Known = {}
    while until not in found.stories and (node := frontier.take()) is not None:
        if frontier.looked_at > most:
            found.complete = False
            break
        key = key_of_node(node)
        story = partial(_story, key, parents, setup)
        if wrong := _ends(node, model, known):
            found.stories.setdefault(wrong, (*story(), "and then for ever without faults"))
        for label, reached in _edges(node, model, found, story):
            reached_key = key_of_node(reached)
            if reached_key == key:
                continue
            found.transitions += 1
            if watch is not None:
                watch(model, node, label, reached)
            if reached_key not in parents and frontier.offer(reached):
                parents[reached_key] = (key, label)
    found.states = frontier.looked_at
    return found


def _edges(
    node: Node, model: Model, found: Found, story: Callable[[], tuple[str, ...]]
) -> Iterator[tuple[Label, Node]]:
    """Every edge out of a node. Each decision is judged before it is followed."""
    for mask in model.masks:
        try:
            ticked = tick(node, mask, model)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding
            found.stories.setdefault("no row", (*story(), f"{told(mask, model.setup)}{error!r}"))
            continue
        found.rows.add(ticked.row)
        for wrong in broken(ticked, model.setup):
            found.stories.setdefault(wrong, (*story(), _words((mask, ticked.verdict, ""), model.setup)))
        for ending, reached in endings(ticked, model):
            yield (mask, ticked.verdict, ending), reached
    for passed, reached in passing(node, model):
        yield (None, None, passed), reached


def _ends(node: Node, model: Model, known: Known) -> str:
    try:
        return ends_well(node, model, known)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding
        return f"no row: {error!r}"


def _words(label: Label, setup: Setup) -> str:
    mask, verdict, ending = label
    if mask is None or verdict is None:
        return ending
    return f"{told(mask, setup)}{verdict.row} {verdict.step} {ending}".rstrip()


def told(mask: Mask, setup: Setup) -> str:
    """What a tick could not read, in words."""
    unread = ["document"] if mask.document else []
    unread += [kind.name for kind, blind in zip(setup.layers, mask.layers, strict=True) if blind]
    failing = "(unhealthy) " if mask.health else ""
    return failing + (f"({' and '.join(unread)} unreadable) " if unread else "")


def _story(key: Key, parents: dict[Key, tuple[Key, Label] | None], setup: Setup) -> tuple[str, ...]:
    words: list[str] = []
    parent = parents[key]
    while parent is not None:
        words.append(_words(parent[1], setup))
        parent = parents[parent[0]]
    return tuple(reversed(words))
