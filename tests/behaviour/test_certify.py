"""A certification against an emulated Azure in different settings, through the real SDK and balancer."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from drainer.azure import mark
from drainer.certify import main
from drainer.errors import Refused
from metadata_server.testing import ServedEmulator
from metadata_server.topology import Outbound
from tests.azure_vm import served, settings
from tests.sidecar import DRAINER
from tests.until import until

LIMIT = timedelta(minutes=2)


def test_what_is_measured_as_the_platform_is_believed_to_be(tmp_path: Path) -> None:
    """The facts are the emulator's switches, and the VM is as it was, its mark gone."""
    with served(operation_time=timedelta(seconds=1), if_match="honoured") as emulator:
        before = _nic(emulator)
        assert _certified(emulator, tmp_path) == 0
        after = _nic(emulator)
    facts = json.loads((tmp_path / "facts.json").read_text())
    assert facts["facts"]["if_match"] == "honoured"
    assert facts["facts"]["provisioning_state"] == "honest"
    assert facts["facts"]["concurrent_write"] == "superseded"
    assert "propagation" in facts["unmeasured"]
    assert facts["cycle"]["exact"] is True
    assert mark.bare(before) == mark.bare(after)
    assert not mark.is_marked(after)


def test_what_is_measured_of_another_platform(tmp_path: Path) -> None:
    """In another setting the same command finds the other values."""
    with served(
        operation_time=timedelta(seconds=1),
        if_match="ignored",
        provisioning_state="ahead",
        concurrent_write="409",
    ) as emulator:
        assert _certified(emulator, tmp_path) == 0
    facts = json.loads((tmp_path / "facts.json").read_text())["facts"]
    assert facts["if_match"] == "ignored"
    assert facts["provisioning_state"] == "ahead"
    assert facts["concurrent_write"] == "409"


def test_an_interruption_gives_back(tmp_path: Path) -> None:
    """SIGTERM while the VM is out: it is put back before the process ends."""
    with served(operation_time=timedelta(seconds=1)) as emulator:
        given = settings(emulator, tmp_path)
        process = subprocess.Popen(
            [
                *(*DRAINER, "certify", "--yes", "--out", str(tmp_path / "facts.json")),
                *("--metadata-url", given.metadata_url, "--management-url", given.management_url),
                *("--management-ca", given.management_ca, "--policy", str(given.policy)),
                *("--state", str(given.state)),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until(lambda: mark.is_marked(_nic(emulator)), "the VM to be out")
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(60) == 130
        assert not mark.is_marked(_nic(emulator))
        assert emulator.resource(_nic_id(emulator))["properties"]["ipConfigurations"][0]["properties"][
            "loadBalancerBackendAddressPools"
        ]
    assert json.loads((tmp_path / "facts.json").read_text())["cycle"]["undone"] is True


def test_it_is_refused(tmp_path: Path) -> None:
    """Without --yes, a place for the facts, the layer, or the doctor's word: nothing is taken out."""
    with served(outbound=Outbound.POOL, outbound_rule=True) as emulator:
        here = settings(emulator, tmp_path, layer="azure-nic-pool: {pools: [lb/web]}")
        with pytest.raises(Refused, match="not-asked-for"):
            main(here, out=tmp_path / "f", yes=False, limit=LIMIT)
        with pytest.raises(Refused, match="out-unwritable"):
            main(here, out=tmp_path / "none" / "f", yes=True, limit=LIMIT)
        with pytest.raises(Refused, match="doctor-refused"):
            main(here, out=tmp_path / "f", yes=True, limit=LIMIT)
        other = settings(emulator, tmp_path, layer="fake")
        with pytest.raises(Refused, match="no-such-layer"):
            main(other, out=tmp_path / "f", yes=True, limit=LIMIT)
        assert not mark.is_marked(_nic(emulator))


def _certified(emulator: ServedEmulator, root: Path) -> int:
    return main(settings(emulator, root), out=root / "facts.json", yes=True, limit=LIMIT)


def _nic(emulator: ServedEmulator) -> dict[str, object]:
    return emulator.resource(_nic_id(emulator))


def _nic_id(emulator: ServedEmulator) -> str:
    listed = emulator.control.show("arm")["resources"]
    return next(_ids(listed))


def _ids(listed: object) -> Iterator[str]:
    assert isinstance(listed, list)
    for each in listed:
        name = each if isinstance(each, str) else each["id"]
        if name.endswith("networkInterfaces/vm1-nic"):
            yield name
