"""A rescue through the real SDK: what a drain took and nobody gave back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from drainer.azure import mark
from drainer.azure.interface import BALANCER_POOLS, references, without
from drainer.cli import main
from drainer.doctor.patience import Patient
from drainer.settings import Settings
from drainer.wiring import management
from metadata_server.testing import ServedEmulator
from tests.azure_vm import served, settings


def test_a_vm_that_nobody_gave_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Found in its subscription by the mark alone, and given back as it was; then nothing is left to do."""
    with served() as emulator:
        here = settings(emulator, tmp_path)
        nic, before = _taken_out(here)
        subscription = "/".join(nic.split("/")[:3])
        assert _rescue(here, subscription, "--run") == 0
        (told,) = json.loads(capsys.readouterr().out)["interfaces"]
        after = _now(emulator, nic)
        assert _rescue(here) == 0
        assert json.loads(capsys.readouterr().out)["interfaces"] == []
    assert told["outcome"] == "restored"
    assert mark.bare(after) == mark.bare(before)
    assert after.get("tags") == before.get("tags")


def _taken_out(here: Settings) -> tuple[str, dict[str, object]]:
    """Take vm1's interface out of its pool, as a drain does; its id, and how it was."""
    arm = Patient(management(here), whole_s=60)
    try:
        resource = arm.instance()["compute"]["resourceId"]
        nic = arm.get(resource)["properties"]["networkProfile"]["networkInterfaces"][0]["id"]
        before = arm.get(nic)
        gone = tuple(references(before, BALANCER_POOLS))
        owner = mark.OwnerMark(vm_id="1", since="2026-01-01T00:00:00Z", taken=gone, had_tags="tags" in before)
        body = mark.marked(without(before, gone, BALANCER_POOLS), owner, undo="undo")
        arm.put(nic, body, if_match=before["etag"])
        assert mark.is_marked(arm.get(nic))
        return nic, before
    finally:
        arm.close()


def _now(emulator: ServedEmulator, nic: str) -> dict[str, object]:
    return emulator.resource(nic)


def _rescue(here: Settings, *more: str) -> int:
    return main(
        [
            *("rescue", "--json", *more, "--metadata-url", here.metadata_url),
            *("--management-url", here.management_url, "--management-ca", here.management_ca),
        ]
    )
