"""A read that never gets its answer: asked for once more, then said to be out of reach."""

from __future__ import annotations

from typing import cast

import pytest

from drainer.azure.reads import Reads
from drainer.clock import ManualClock
from drainer.errors import Transient
from drainer.management import Arm, Json


class Silent:
    """Every read is slow first, and cut off when it is asked after."""

    def __init__(self) -> None:
        self.asked = 0

    def get(self, resource_id: str) -> Json:
        self.asked += 1
        kind = "azure-slow" if self.asked % 2 else "azure-unreachable"
        raise Transient(kind, "no answer")


def test_silence_does_not_stay_slow_for_ever() -> None:
    """Cut off twice in a row it is out of reach, although each repetition begins slow."""
    reads = Reads(cast(Arm, Silent()), ManualClock())
    kinds = []
    for _ in range(6):
        with pytest.raises(Transient) as raised:
            reads.fresh("/subscriptions/S")
        kinds.append(raised.value.kind)
        reads.over(raised.value)
    assert "azure-unreachable" in kinds
