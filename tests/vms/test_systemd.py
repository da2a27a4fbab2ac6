"""The package in real VMs: systemd as their first process, the hardened unit, reboots and a power cut."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.packages.conftest import kept

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = ("systemd-nspawn", "mmdebstrap", "dpkg-deb")


@pytest.fixture
def package() -> Path:
    """The .deb of this checkout; in CI it is made of what stands in it now, whatever lies in dist/."""
    lacking = [program for program in PROGRAMS if shutil.which(program) is None]
    why = f"not installed: {', '.join(lacking)}" if lacking else ""
    why = why or ("" if os.geteuid() == 0 else "mounts and systemd-nspawn need root")
    found = sorted((ROOT / "dist").glob("drainer_*.deb"), key=lambda path: path.stat().st_mtime)
    if os.environ.get("CI") != "true":
        why = why or ("" if found else "no dist/drainer_*.deb; `make packages` makes it")
        why = why or (
            "" if (ROOT / "build/vms/debian.made").exists() else "`make systemd-vms` makes its root"
        )
    elif not why:
        found = list(kept().glob("drainer_*.deb"))
    if why:
        pytest.skip(why)
    return found[-1]


@pytest.mark.timeout(1500)
def test_reboots_and_a_power_cut_lose_nothing(package: Path) -> None:
    """A reboot and a power cut, announced, and an operator's own reboot: nothing fails, all come back."""
    ran = subprocess.run(
        [sys.executable, "-m", "infra.local.systemd", "--package", str(package)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=1400,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    told = ran.stdout.splitlines()
    assert told[-1].startswith("systemd VMs: 3 VMs, 6 boots, ")
    assert told[-1].endswith(" 0 failed, 0 findings")
    boots = {word.split(",")[0] for line in told for word in line.split("boot ")[1:]}
    assert len(boots) == 6, "each boot has an id of its own"
