"""The short form of the soak: two maintenances of the real processes, with faults, under traffic."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.soak.__main__ import main


def test_two_maintenances_lose_and_leak_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A maintenance of a sidecar that lives on, and a reboot whose sidecar is killed: nothing is found."""
    directory = tmp_path / "soak"
    code = main(["--minutes", "1", "--maintenances", "2", "--directory", str(directory)])
    assert code == 0, capsys.readouterr().out
    report = json.loads((directory / "report.json").read_text(encoding="utf-8"))
    assert report["findings"] == []
    assert (report["maintenances"], report["kills"], report["failed"]) == (2, 1, 0)
    assert {"emulator", "sidecar vm1", "sidecar vm2"} <= set(report["most"])
