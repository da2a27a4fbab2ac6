"""Who is named as maintainer of the packages: somebody that the project itself states."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from infra.packages.source import NOBODY, ROOT, maintainer
from tests.packages.root import needs_roots, ran

ONE = {"name": "One", "email": "one@drainer.invalid"}
OTHER = {"name": "Other", "email": "other@drainer.invalid"}


@pytest.mark.parametrize(
    "project",
    [
        {"maintainers": [ONE], "authors": [OTHER]},
        {"authors": [ONE, OTHER]},
        {"maintainers": [{"name": "Without address"}, ONE]},
    ],
)
def test_a_stated_one_is_named(project: dict[str, list[dict[str, str]]]) -> None:
    """Maintainers before authors; whoever has no address is passed over."""
    assert maintainer(project) == "One <one@drainer.invalid>"


def test_else_it_is_who_committed() -> None:
    """In a checkout, git's committer; elsewhere it is said that nobody is stated."""
    asked = ("git", "-C", str(ROOT), "log", "-1", "--format=%cn <%ce>")
    found = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
    assert maintainer({}) == (found or NOBODY)


@needs_roots
def test_the_package_names_one(deb: Path) -> None:
    """In its control file, in the form that dpkg wants."""
    named = ran("dpkg-deb", "--field", str(deb), "Maintainer").stdout.strip()
    assert re.fullmatch(r"[^<>]+ <[^<>@ ]+@[^<>@ ]+>", named)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert named == maintainer(project)
