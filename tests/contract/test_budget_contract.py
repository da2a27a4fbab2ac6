"""The budget in memory keeps the budget contract."""

from __future__ import annotations

import pytest

from drainer.budgets.memory import Ledger, MemoryBudget
from drainer.clock import ManualClock
from drainer.testing import BudgetContract, Fleet


class MemoryFleet(Fleet):
    def __init__(self) -> None:
        super().__init__(ManualClock())
        self._ledger = Ledger(2)

    def of(self, holder: str) -> MemoryBudget:
        return MemoryBudget(self._ledger, holder=holder, clock=self.clock)


class TestMemoryBudget(BudgetContract):
    @pytest.fixture
    def fleet(self) -> Fleet:
        return MemoryFleet()
