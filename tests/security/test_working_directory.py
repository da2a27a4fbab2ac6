"""Where somebody stands when a program is started is no place to load code from."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from drainer import selfcheck, service
from drainer.transport.azure import peer

ROOT = Path(__file__).parents[2]
PLANTED = ("drainer", "ctypes", "resource")
"""Modules that a child of the daemon imports."""

COMMANDS = {"child": peer.COMMAND, "doctor": selfcheck.DOCTOR, "service": service.COMMAND}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=list(COMMANDS))
def test_no_module_of_the_working_directory_is_loaded(tmp_path: Path, command: tuple[str, ...]) -> None:
    """A module that lies where the operator stands (/tmp, say) is not run by a child of ours."""
    witness = tmp_path / "witness"
    for name in PLANTED:
        (tmp_path / f"{name}.py").write_text(f"open({str(witness)!r}, 'w').close()\n", encoding="utf-8")
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run(
        [*command, "--help"], cwd=tmp_path, env=environ, capture_output=True, timeout=60, check=False
    )
    assert command[0] == sys.executable
    assert not witness.exists()
