"""The command `metadata-server` where something that it needs is not installed."""

from __future__ import annotations

import subprocess
import sys

import pytest

WITHOUT = """\
import sys
sys.modules[{missing!r}] = None
from metadata_server.cli import main
sys.exit(main(["serve", "--vm", "vm1=127.0.0.1:0"]))
"""


def serve(*, missing: str) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-c", WITHOUT.format(missing=missing)]
    return subprocess.run(program, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("missing", ["starlette", "uvicorn"])
def test_serve_says_what_it_lacks(missing: str) -> None:
    """Without its extra there is no traceback: the package is named, and how to get it."""
    ran = serve(missing=missing)
    assert ran.returncode == 1
    assert ran.stderr.startswith(f"metadata-server: {missing}")
    assert ran.stderr.endswith(" is not installed: pip install 'drainer[emulator]'\n")


def test_a_module_of_ours_that_is_missing_is_a_bug() -> None:
    """It is not taken for something to install."""
    assert "ModuleNotFoundError" in serve(missing="metadata_server.serve").stderr
