"""Whose will an entry's standing is: the truth that no daemon can see."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum


class Owner(Enum):
    """What the owners of the pool want of an entry."""

    IN = "in"
    OUT = "out"
    EITHER = "either"  # an operator's act crossed ours: nobody can tell


@dataclass(slots=True)
class Owners:
    """`unseen`: layers that an operator put in, which nobody has read since."""

    wants: dict[str, Owner] = field(default_factory=dict)
    unseen: set[str] = field(default_factory=set)

    def of(self, entry: str) -> Owner:
        return self.wants.get(entry, Owner.IN)

    def want(self, entry: str, owner: Owner) -> None:
        self.wants[entry] = owner

    def blur(self, entries: Iterable[str]) -> None:
        """A write of ours met what an operator had taken out: whose it is now, nobody can tell."""
        for entry in entries:
            if self.of(entry) is Owner.OUT:
                self.wants[entry] = Owner.EITHER
