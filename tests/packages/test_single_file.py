"""Where the single file starts, on a Python that cannot run it."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest

from infra.packages.singlefile import START

AS_OLDER = "import runpy, sys; sys.version_info = {older}; runpy.run_path({start!r})"


@pytest.mark.parametrize("older", [(3, 9, 2), (3, 10, 12)])
def test_a_python_that_is_too_old_is_told(older: tuple[int, int, int]) -> None:
    """In one line, before anything is imported that it could not even read."""
    program = AS_OLDER.format(older=older, start=str(START))
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == f"drainer: this is Python {older[0]}.{older[1]}; it needs 3.11 or newer\n"


def test_an_older_python_can_read_what_tells_it() -> None:
    """Its syntax is that of Python 3.6."""
    ast.parse(START.read_text(encoding="ascii"), feature_version=(3, 6))
