"""The smallest searches, and that they have teeth."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.prove.mutants import MUTANTS, Mutant
from tests.prove.phases import page
from tests.prove.search import search
from tests.prove.setups import SHORT
from tests.prove.world import Setup

QUICK = SHORT[:12]
"""The smallest; `make prove` searches all of them."""


@pytest.mark.parametrize("setup", QUICK, ids=lambda setup: setup.name)
def test_nothing_unsafe_is_reachable_and_every_path_ends_well(setup: Setup) -> None:
    """No reachable decision breaks a property, and from every state the good end is reached."""
    found = search(setup)
    assert found.complete
    assert not found.stories


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_wrong_belief_is_caught(mutant: Mutant) -> None:
    """A core that believes something wrong breaks the property that is named with it."""
    found = search(mutant.setup, core=mutant.core, most=20_000, until=mutant.caught_by)
    assert mutant.caught_by in found.stories


def test_the_picture_of_the_phases_is_the_graph() -> None:
    """docs/phases.md shows exactly the ways between phases that the searches meet."""
    written = Path(__file__).parents[2] / "docs" / "phases.md"
    assert page() == written.read_text(encoding="utf-8")
