"""What is packaged, on the Python of Ubuntu 24.04, wherever one is found: on PATH, or kept by pyenv."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.packages import episode
from tests.packages.root import ran
from tests.sidecar import standing

KEPT = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
FOUND = next(map(str, sorted(KEPT.glob("3.12.*/bin/python3.12"))), shutil.which("python3.12"))
"""pyenv's first: where it is, what is on PATH may be its shim, which runs nothing."""

LIBRARY = "usr/lib/drainer/lib/python3.11/site-packages"
LOADS = """\
import sys
sys.path.insert(0, sys.argv[1])
import _yaml, charset_normalizer, cffi, cryptography.hazmat.bindings._rust as rust
import azure.identity, azure.mgmt.network, drainer.cli
assert all(module.__file__.startswith(sys.argv[1]) for module in (_yaml, cffi, rust, drainer.cli))
"""

pytestmark = pytest.mark.skipif(not FOUND, reason="no python3.12 on PATH or among pyenv's")


def test_the_single_file_runs_a_complete_episode(packages: Path, tmp_path: Path) -> None:
    """From notice to restored."""
    assert FOUND
    single = str(next(packages.glob("*.pyz")))
    with standing(tmp_path / "vm") as stand:
        episode.complete(stand, (FOUND, "-I", single))


def test_the_compiled_modules_of_the_package_load(deb: Path, tmp_path: Path) -> None:
    """Azure's SDK with them, from the package alone."""
    ran("dpkg-deb", "--extract", str(deb), str(tmp_path))
    assert FOUND
    done = subprocess.run(
        [FOUND, "-I", "-c", LOADS, str(tmp_path / LIBRARY)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
