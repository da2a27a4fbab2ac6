"""Contract suites for adapters, third parties' too: subclass one, give it a stand, run pytest.

Needs pytest, which the `dev` extra brings.
"""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("drainer.testing.backend", "drainer.testing.budget")

from drainer.testing.backend import BackendContract  # noqa: E402  (after the rewrite is registered)
from drainer.testing.budget import BudgetContract, Fleet  # noqa: E402
from drainer.testing.stand import Stand, surroundings  # noqa: E402

__all__ = ["BackendContract", "BudgetContract", "Fleet", "Stand", "surroundings"]
