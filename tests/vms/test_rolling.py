"""The demo where VMs have links of their own: they fall silent for real, or reset, and start cold."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.timeout(600)
def test_three_reboots_lose_nothing(tmp_path: Path) -> None:
    """All in each VM is killed and its link taken down, under traffic: no request fails, each returns."""
    ran = subprocess.run(
        [sys.executable, "-m", "tests.vms.rolling", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=580,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    said = json.loads(ran.stdout)
    assert (said["failed"], said["moved"], said["restored"]) == (0, 0, 3), said
    assert said["boots"] == {"vm1": 2, "vm2": 2, "vm3": 2}
    assert said["requests"] >= 200
    for vm in ("vm1", "vm2", "vm3"):
        told = (tmp_path / vm / "sidecar.log").read_text(encoding="utf-8")
        assert told.count('"acknowledge.done"') == 1, "it let the platform go ahead"
        assert told.count('"daemon.started"') == 2, "it was started again, cold"
