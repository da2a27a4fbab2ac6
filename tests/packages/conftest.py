"""The packages of this checkout, built once for all tests that install them."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from infra.packages.source import ROOT, maintainer
from tests.packages import root

KEPT = ROOT / "build" / "packages"
INPUTS = ("drainer", "metadata_server", "infra", "policies", "docs", "pyproject.toml", "LICENSE", "README.md")
EPOCH = "1767225600"


def build_into(out: Path, *, umask: int = 0o022, **environment: str) -> None:
    """`make packages` without the set-up, at a fixed time."""
    done = subprocess.run(
        [sys.executable, "-m", "infra.packages", "--out", str(out)],
        cwd=ROOT,
        env={**os.environ, "SOURCE_DATE_EPOCH": EPOCH, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        check=False,
        umask=umask,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert done.stdout.splitlines()[-1].startswith("packages: ")


def kept() -> Path:
    """The folder with all of them. Built anew only where an input changed; one builds, the others wait."""
    KEPT.mkdir(parents=True, exist_ok=True)
    with (KEPT / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = KEPT / _digest()
        if not (made / "SHA256SUMS").exists():
            for stale in KEPT.glob("*/"):
                shutil.rmtree(stale)
            build_into(made)
    return made


@pytest.fixture(scope="session")
def packages() -> Path:
    return kept()


@pytest.fixture
def deb(packages: Path) -> Path:
    return next(packages.glob("*.deb"))


@pytest.fixture(scope="session")
def furnished(packages: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What installing the package wrote over a clean Debian, once for all machines that are booted."""
    return root.furnished(tmp_path_factory.mktemp("furnished") / "root", next(packages.glob("*.deb")))


def _digest() -> str:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    whole = hashlib.sha256(maintainer(project).encode())
    for name in INPUTS:
        for path in sorted((ROOT / name, *(ROOT / name).rglob("*"))):
            if path.is_file() and "__pycache__" not in path.parts:
                whole.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    return whole.hexdigest()[:16]
