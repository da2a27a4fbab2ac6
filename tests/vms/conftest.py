"""These tests need namespaces of their own; where none can be had they are skipped with the reason."""

from __future__ import annotations

import os
import shutil

import pytest

from drainer.demo import unshared


@pytest.fixture(scope="session")
def lacking() -> str:
    """Why no VM can be made here, or ""."""
    return unshared.missing() or ("" if shutil.which("curl") else "curl is not installed")


@pytest.fixture(autouse=True)
def _possible(lacking: str) -> None:
    """In CI nothing may be lacking."""
    if lacking and os.environ.get("CI") == "true":
        pytest.fail(lacking)
    if lacking:
        pytest.skip(lacking)
