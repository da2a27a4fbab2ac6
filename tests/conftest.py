"""What holds for every test: Hypothesis without deadlines, and fewer examples in the fast tier."""

from __future__ import annotations

import pytest
from hypothesis import settings

settings.register_profile("fast", deadline=None, max_examples=50)
settings.register_profile("thorough", deadline=None, max_examples=500)


def pytest_configure(config: pytest.Config) -> None:
    """`-m "not slow"` is the fast tier; without it everything is run at length."""
    config.addinivalue_line("markers", "case(name): the acceptance case that this test makes true")
    settings.load_profile("fast" if "not slow" in str(config.option.markexpr) else "thorough")
