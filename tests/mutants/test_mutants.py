"""The net has teeth: each wrong belief breaks a promise within some hundreds of stories."""

from __future__ import annotations

import pytest

from tests.mutants.beliefs import MUTANTS, Mutant
from tests.mutants.hunt import hunt


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_a_wrong_belief_is_caught(mutant: type[Mutant]) -> None:
    """A reconciler that believes it breaks a promise."""
    assert hunt(mutant) is not None
