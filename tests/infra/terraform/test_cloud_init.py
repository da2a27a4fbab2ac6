"""What the VMs are given at their first boot is what cloud-init and systemd take."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.infra.terraform import boot
from tests.infra.terraform.tool import Tool

# https://cloudinit.readthedocs.io/en/latest/reference/modules.html, of those that we use
KEYS = {"write_files", "runcmd"}
FILE_KEYS = {"path", "content", "encoding", "permissions", "owner", "append", "defer"}
LARGEST = 65535
"""Bytes of custom data: https://learn.microsoft.com/azure/virtual-machines/custom-data."""


def checked(text: str, directory: Path) -> subprocess.CompletedProcess[str]:
    """The verdict of cloud-init's own schema."""
    program = shutil.which("cloud-init")
    if program is None:
        pytest.skip("cloud-init is missing: Debian's package cloud-init has it")
    file = directory / "user-data"
    file.write_text(text)
    command = [program, "schema", "--config-file", str(file)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_holds_to_the_schema(applied_once: Tool, tmp_path: Path) -> None:
    """cloud-init finds every module's keys well formed."""
    verdict = checked(boot.custom_data(applied_once), tmp_path)
    assert verdict.returncode == 0, verdict.stdout + verdict.stderr


def test_the_schema_finds_what_is_wrong(applied_once: Tool, tmp_path: Path) -> None:
    """An encoding that does not exist is refused: the check above can fail."""
    text = boot.custom_data(applied_once).replace('"encoding": "b64"', '"encoding": "rot13"')
    assert "rot13" in text
    assert checked(text, tmp_path).returncode != 0


def test_has_known_keys_only(applied_once: Tool) -> None:
    """The schema lets unknown keys at the top pass; there are none."""
    document = boot.document(applied_once)
    assert set(document) == KEYS
    for file in document["write_files"]:
        assert set(file) <= FILE_KEYS


def test_begins_as_it_must_and_is_small_enough(applied_once: Tool) -> None:
    """The first line says what it is, and Azure takes its size."""
    text = boot.custom_data(applied_once)
    assert text.startswith("#cloud-config\n")
    assert len(text.encode()) < LARGEST


def test_the_service_starts_before_the_sidecar(applied_once: Tool) -> None:
    """A VM whose service is not there yet is never given back by the sidecar."""
    names = [command[-1] for command in boot.document(applied_once)["runcmd"]]
    assert names.index("web.service") < names.index("drainer-install.service")


def test_units_are_what_systemd_takes(applied_once: Tool, tmp_path: Path) -> None:
    """`systemd-analyze verify` has nothing to say of either unit."""
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is missing: it comes with systemd")
    units = {path: text for path, text in boot.files(applied_once).items() if path.endswith(".service")}
    assert len(units) == 2
    for path, text in units.items():
        file = tmp_path / Path(path).name
        # The program is not on this machine.
        file.write_text(text.replace("/usr/local/sbin/drainer-install", "/bin/true"))
        command = [program, "verify", "--man=no", str(file)]
        verdict = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert (verdict.returncode, verdict.stderr) == (0, "")
