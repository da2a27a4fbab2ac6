"""The doctor through the real SDK, over TLS, on a VM of an emulated Azure."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from drainer.azure.roles import DRAIN
from drainer.doctor.check import Verdict
from drainer.doctor.run import examined
from metadata_server.testing import ServedEmulator
from metadata_server.topology import Outbound
from tests.azure_vm import served, settings

NIC = "vm1-nic"
OURS = ("identity", "vm", "rights", "rejoin", "concurrency", "probe", "self-lockout")


def test_a_vm_that_can_come_back(tmp_path: Path) -> None:
    """Every check of the management API passes, and only this VM's own interface was written."""
    with served() as emulator:
        verdicts = _verdicts(emulator, tmp_path)
        written = [each for each in emulator.requests() if each["method"] == "PUT"]
    assert {name: verdicts[name] for name in OURS} == dict.fromkeys(OURS, Verdict.PASS)
    assert verdicts["membership azure-nic-pool"] is Verdict.PASS
    assert len(written) == 2
    assert all(NIC in each["path"] for each in written)


def test_reading_only(tmp_path: Path) -> None:
    """With --read-only nothing is written at all."""
    with served() as emulator:
        examined(settings(emulator, tmp_path), read_only=True)
        assert {each["method"] for each in emulator.requests()} == {"GET"}


def test_the_pool_is_the_only_way_out(tmp_path: Path) -> None:
    """Without another way out the doctor refuses and names cures."""
    with served(outbound=Outbound.POOL, outbound_rule=True) as emulator:
        here = settings(emulator, tmp_path, layer="azure-nic-pool: {pools: [lb/web]}")
        checks = {check.name: check for check in examined(here)}
    assert checks["self-lockout"].verdict is Verdict.REFUSED
    assert "NAT gateway" in checks["self-lockout"].cure


def test_the_drain_role_alone_tries_what_it_cannot_read(tmp_path: Path) -> None:
    """Without the doctor's role permissions are tried; a pool that gives no way out takes none either."""
    with served(roles={"vm1": ("drain",)}) as emulator:
        verdicts = _verdicts(emulator, tmp_path)
    assert verdicts["rights"] is Verdict.SKIPPED
    assert verdicts["rejoin"] is Verdict.PASS
    assert verdicts["self-lockout"] is Verdict.PASS


@pytest.mark.parametrize(
    "action",
    [
        "Microsoft.Network/networkInterfaces/write",
        "Microsoft.Network/loadBalancers/backendAddressPools/join/action",
    ],
)
def test_a_right_taken_away_is_named(tmp_path: Path, action: str) -> None:
    """Without one action both the list and the unchanged write name it."""
    less = tuple(each for each in DRAIN if each != action)
    with served(roles={"vm1": ("less", "doctor")}, custom_roles={"less": less}) as emulator:
        checks = {check.name: check for check in examined(settings(emulator, tmp_path))}
    assert checks["rights"].verdict is Verdict.REFUSED
    assert action in checks["rights"].reason
    assert checks["rejoin"].verdict is Verdict.REFUSED
    assert action in checks["rejoin"].reason


def test_stale_writes_that_go_through(tmp_path: Path) -> None:
    """Where etags are ignored the doctor says so."""
    with served(if_match="ignored") as emulator:
        assert _verdicts(emulator, tmp_path)["concurrency"] is Verdict.WARN


def _verdicts(emulator: ServedEmulator, root: Path) -> dict[str, Verdict]:
    return {check.name: check.verdict for check in examined(settings(emulator, root))}


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The verb prints the report as JSON, and its outcome is its exit code."""
    from drainer.cli import main

    with served() as emulator:
        given = settings(emulator, tmp_path)
        code = main(
            [
                *("doctor", "--json", "--jitter", "0.01", "--metadata-url", given.metadata_url),
                *("--management-url", given.management_url, "--management-ca", given.management_ca),
                *("--policy", str(given.policy), "--state", str(given.state)),
            ]
        )
    report = json.loads(capsys.readouterr().out)
    assert code == {"pass": 0, "warn": 3, "refused": 1}[report["outcome"]]
    assert report["schema"] == 1
    assert [check["name"] for check in report["checks"]][:2] == ["metadata-service", "clock"]
