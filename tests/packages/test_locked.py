"""What the packages carry is what the tests ran with."""

from __future__ import annotations

import re
from pathlib import Path

from infra.packages.wheels import LOCK

CONSTRAINTS = Path(__file__).parents[2] / "constraints.txt"


def versions(path: Path) -> dict[str, str]:
    """Version of each project, names as PyPI compares them."""
    found = re.findall(r"^([\w.-]+)==([^\s\\]+)", path.read_text(encoding="ascii"), re.MULTILINE)
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in found}


def test_every_locked_version_is_the_one_that_is_tested() -> None:
    """requirements.txt names no version but those of constraints.txt."""
    tested = versions(CONSTRAINTS)
    locked = versions(LOCK)
    assert {"azure-mgmt-network", "cryptography", "cffi"} <= set(locked)
    assert locked == {name: tested[name] for name in locked}


def test_every_locked_version_has_a_hash() -> None:
    """A wheel that was changed in the index is not packed."""
    text = LOCK.read_text(encoding="ascii").replace("\\\n", "")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert all(re.search(r"--hash=sha256:[0-9a-f]{64}", line) for line in lines)
