"""Which nodes are still to be looked at: those after the fewest faults and acts first.

Whatever can follow a node can follow the same node with fewer faults and acts spent: once that was looked
at, the other need not be.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from tests.prove.world import Node

Key = tuple[Any, ...]
Spent = tuple[int, int]


@dataclass(slots=True, kw_only=True)
class Frontier:
    """Nodes to look at, by how many faults and acts their path has spent."""

    waiting: dict[int, deque[Node]] = field(default_factory=dict)
    spent: dict[Key, tuple[Spent, ...]] = field(default_factory=dict)
    looked_at: int = 0

    def offer(self, node: Node) -> bool:
        """Whether the node is new: nothing alike that spent no more was offered before."""
        key, spent = _parted(node)
        known = self.spent.get(key, ())
        if any(_no_more(other, spent) for other in known):
            return False
        self.spent[key] = (*(other for other in known if not _no_more(spent, other)), spent)
        self.waiting.setdefault(sum(spent), deque()).append(node)
        return True

    def take(self) -> Node | None:
        """The next node; None where all were looked at."""
        while self.waiting:
            least = min(self.waiting)
            node = self.waiting[least].popleft()
            if not self.waiting[least]:
                del self.waiting[least]
            key, spent = _parted(node)
            if spent in self.spent[key]:
                self.looked_at += 1
                return node
        return None


def _parted(node: Node) -> tuple[Key, Spent]:
    world = node.world
    spent = (world.faults, world.acts)
    alike = world if spent == (0, 0) else world._replace(faults=0, acts=0)
    return (alike, id(node.state)), spent


def _no_more(one: Spent, other: Spent) -> bool:
    return one[0] <= other[0] and one[1] <= other[1]
