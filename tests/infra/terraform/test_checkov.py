"""checkov, a static analysis by others, finds nothing in the configurations that is not answered there."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.infra.terraform.given import changed
from tests.infra.terraform.tool import ROOT, copied

PROGRAM = ROOT / ".checkov" / "bin" / "checkov"


@pytest.fixture(scope="module")
def scanned(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Its report on our configurations, and on a copy whose storage account takes an old TLS."""
    if not PROGRAM.exists():
        pytest.skip("checkov is missing: with CI=true tests/install-checkov installs it")
    directory = tmp_path_factory.mktemp("scanned")
    copied(directory / "ours")
    broken = copied(directory / "broken")
    changed(broken / "demo" / "storage.tf", old="TLS1_2", new="TLS1_0")
    options = ["--framework", "terraform", "--skip-download", "--output", "json"]
    command = [str(PROGRAM), "--directory", str(directory), *options]
    environment = {"PATH": os.environ["PATH"], "HOME": str(directory), "LOG_LEVEL": "ERROR"}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240, check=False)
    report: dict[str, Any] = json.loads(ended.stdout)
    return report


def below(report: dict[str, Any], part: str, *, verdict: str) -> set[tuple[str, str]]:
    """What stands in one of the copies with a verdict: check and resource."""
    return {
        (check["check_id"], check["resource"])
        for check in report["results"][verdict]
        if Path(check["file_path"]).parts[1] == part
    }


def test_every_file_is_read(scanned: dict[str, Any]) -> None:
    """A file that it cannot parse would pass unseen."""
    assert scanned["summary"]["parsing_errors"] == 0
    assert len(below(scanned, "ours", verdict="passed_checks")) >= 25


def test_nothing_is_left_unanswered(scanned: dict[str, Any]) -> None:
    """Each check passes, or is answered by a reason where it does not."""
    assert below(scanned, "ours", verdict="failed_checks") == set()


def test_finds_what_was_changed(scanned: dict[str, Any]) -> None:
    """The copy that was changed is found: the test above can fail."""
    found = below(scanned, "broken", verdict="failed_checks")
    assert found == {("CKV_AZURE_44", "azurerm_storage_account.demo")}
