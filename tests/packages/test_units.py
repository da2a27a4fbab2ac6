"""The systemd units as files: they verify, expose little, and say what the documents promise of them."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from drainer.act import LONGEST_HOOK
from drainer.policyfile.builtin import NAMES, builtin
from drainer.settings import FLAGS

UNITS = Path(__file__).parents[2] / "infra" / "systemd"
SERVICES = ("drainer.service", "drainer-probe.service", "drainer-drain.service")
THRESHOLD = "15"
"""Tenths: an exposure of at most 1.5, as `systemd-analyze security` counts it."""

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed"
)


class Repeated(dict[str, str]):
    """A unit's keys may come again: their values are joined by a line."""

    def __setitem__(self, key: str, value: object) -> None:
        if isinstance(value, list) and key in self:
            value = [*str(self[key]).split("\n"), *value]
        super().__setitem__(key, value)  # type: ignore[assignment]


def unit(name: str) -> configparser.RawConfigParser:
    read = configparser.RawConfigParser(strict=False, dict_type=Repeated)
    read.optionxform = str  # type: ignore[assignment,method-assign]
    read.read_string((UNITS / name).read_text(encoding="utf-8"))
    return read


def seconds(text: str) -> int:
    """A span that a unit or a policy states in seconds or minutes."""
    number, unit_of = re.fullmatch(r"(\d+)(m|s|)", text).groups()  # type: ignore[union-attr]
    return int(number) * (60 if unit_of == "m" else 1)


@needs_systemd
@pytest.mark.parametrize("name", SERVICES)
def test_the_exposure_is_small(name: str) -> None:
    """At most 1.5 of 10, by systemd's own measure."""
    judged = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", f"--threshold={THRESHOLD}", str(UNITS / name)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert judged.returncode == 0, judged.stdout[-4000:] + judged.stderr


@needs_systemd
def test_the_units_verify(tmp_path: Path) -> None:
    """systemd itself finds nothing to complain of in them, with the programs in their places."""
    program = tmp_path / "drainer"
    program.write_text("#!/bin/sh\n", encoding="ascii")
    program.chmod(0o755)
    for name in (*SERVICES, "drainer-probe.socket"):
        text = (UNITS / name).read_text(encoding="utf-8").replace("/usr/bin/drainer", str(program))
        (tmp_path / name).write_text(text, encoding="utf-8")
    judged = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *(str(path) for path in sorted(tmp_path.glob("*.s*")))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (judged.returncode, judged.stderr) == (0, "")


def test_nothing_stands_or_falls_with_the_sidecar() -> None:
    """It orders itself before web services, and is required, wanted or bound by no unit of ours."""
    sidecar = unit("drainer.service")
    assert "nginx.service" in sidecar["Unit"]["Before"].split()
    assert set(sidecar["Unit"]) == {"Description", "Documentation", "After", "Before"}
    for name in (*SERVICES, "drainer-probe.socket"):
        ties = {"Requires", "Wants", "BindsTo", "Requisite", "PartOf", "Upholds"} & set(unit(name)["Unit"])
        tied_to = {unit(name)["Unit"][tie] for tie in ties}
        assert "drainer.service" not in tied_to, name
    assert set(sidecar["Install"]) == {"WantedBy"}


def test_ready_waits_for_no_network() -> None:
    """Ready comes from the daemon itself, and no target stands before it that waits for a network."""
    sidecar = unit("drainer.service")
    assert sidecar["Service"]["Type"] == "notify"
    assert "network-online" not in str(dict(sidecar["Unit"]))


def test_the_watchdog_is_longer_than_any_bounded_wait() -> None:
    """At least 90 s, and longer than the longest hook with a half minute's rest before it."""
    patience = seconds(unit("drainer.service")["Service"]["WatchdogSec"])
    assert patience >= 90
    assert patience > LONGEST_HOOK.total_seconds() + 30


def test_the_web_server_can_look_at_the_marker() -> None:
    """A static user, and a state directory that everybody may enter."""
    for name in ("drainer.service", "drainer-probe.service"):
        service = unit(name)["Service"]
        assert (service["User"], service["StateDirectory"]) == ("drainer", "drainer")
        assert (service["StateDirectoryMode"], "DynamicUser" in service) == ("0755", False)
    assert "d /var/lib/drainer 0755 drainer drainer" in (UNITS / "tmpfiles.d/drainer.conf").read_text()


def test_a_reboot_has_time_for_the_longest_drain() -> None:
    """Unit and logind wait as long, and longer than any drain of a ready-made policy."""
    patience = seconds(unit("drainer-drain.service")["Service"]["TimeoutStopSec"])
    delay = seconds(unit("logind.conf.d/drainer.conf")["Login"]["InhibitDelayMaxSec"])
    timeouts = [found for name in NAMES for found in re.findall(r"drain_timeout: (\w+)", builtin(name))]
    assert patience == delay
    assert patience > max(seconds(timeout) for timeout in timeouts)


def test_the_drain_unit_stops_first_and_never_by_hand() -> None:
    """After multi-user.target, so that what serves still runs while it drains; refused by hand."""
    drain = unit("drainer-drain.service")
    assert {"multi-user.target", "drainer.service"} <= set(drain["Unit"]["After"].split())
    assert drain["Unit"]["RefuseManualStop"] == "yes"
    assert re.fullmatch(r"-/usr/bin/drainer drain --reason .* --wait", drain["Service"]["ExecStop"])


def test_every_setting_that_the_defaults_name_exists() -> None:
    """A variable in /etc/default/drainer is one that `drainer run` reads."""
    named = re.findall(r"^#?(DRAINER_\w+)=", (UNITS / "default/drainer").read_text(), re.MULTILINE)
    assert named
    assert set(named) <= {flag.variable for flag in FLAGS.values()}
