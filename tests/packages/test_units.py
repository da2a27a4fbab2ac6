"""The systemd units as files: they verify, expose little, and say what the documents promise of them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.packages.unit_checks import SERVICES, UNITS, findings

SHIPPED = Path(__file__).parents[2] / "infra" / "systemd"
THRESHOLD = "15"
"""Tenths: an exposure of at most 1.5, as `systemd-analyze security` counts it."""

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed"
)


@needs_systemd
@pytest.mark.parametrize("name", SERVICES)
def test_the_exposure_is_small(name: str) -> None:
    """At most 1.5 of 10, by systemd's own measure."""
    judged = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", f"--threshold={THRESHOLD}", str(SHIPPED / name)],
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
    for name in UNITS:
        text = (SHIPPED / name).read_text(encoding="utf-8").replace("/usr/bin/drainer", str(program))
        (tmp_path / name).write_text(text, encoding="utf-8")
    judged = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *(str(path) for path in sorted(tmp_path.glob("*.s*")))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (judged.returncode, judged.stderr) == (0, "")


def test_the_units_say_what_the_documents_promise() -> None:
    """Nothing is found wrong with the shipped units."""
    assert findings(SHIPPED) == []


BROKEN = {
    "a probe that may end for good": (
        "drainer-probe.service",
        "StartLimitIntervalSec=0",
        "StartLimitIntervalSec=10s",
        "dead for good",
    ),
    "the sidecar as root": ("drainer.service", "User=drainer", "User=root", "User is root"),
    "the probe as root": ("drainer-probe.service", "User=drainer", "User=root", "User is root"),
    "a user that comes and goes": (
        "drainer.service",
        "User=drainer",
        "User=drainer\nDynamicUser=yes",
        "user is static",
    ),
    "the state directory's mode left out": (
        "drainer.service",
        "StateDirectoryMode=0755\n",
        "",
        "StateDirectoryMode is None",
    ),
    "a state directory for nobody else": (
        "drainer-probe.service",
        "StateDirectoryMode=0755",
        "StateDirectoryMode=0700",
        "StateDirectoryMode is 0700",
    ),
    "tmpfiles closes the state directory": ("tmpfiles.d/drainer.conf", "0755", "0700", "tmpfiles.d:"),
    "a user with a shell": ("sysusers.d/drainer.conf", "/usr/sbin/nologin", "/bin/sh", "sysusers.d:"),
    "no IPv4": (
        "drainer.service",
        "AF_UNIX AF_INET AF_INET6",
        "AF_UNIX AF_INET6",
        "RestrictAddressFamilies is AF_UNIX AF_INET6",
    ),
    "no IPv4 for the probe": (
        "drainer-probe.service",
        "AF_UNIX AF_INET AF_INET6",
        "AF_UNIX",
        "RestrictAddressFamilies is AF_UNIX",
    ),
    "a filter without processes": (
        "drainer.service",
        "~@privileged @resources",
        "~@privileged @resources @process",
        "SystemCallFilter is",
    ),
    "a filter that kills": (
        "drainer.service",
        "SystemCallErrorNumber=EPERM\n",
        "",
        "SystemCallErrorNumber is None",
    ),
    "the child may not limit itself": (
        "drainer.service",
        "SystemCallFilter=setrlimit prlimit64\n",
        "",
        "SystemCallFilter is",
    ),
    "no sight of the kernel's boot id": (
        "drainer.service",
        "ProtectProc=invisible",
        "ProtectProc=invisible\nProcSubset=pid",
        "the kernel's boot id is read",
    ),
    "new privileges": ("drainer.service", "NoNewPrivileges=yes\n", "", "NoNewPrivileges is None"),
    "every file for all": ("drainer.service", "UMask=0077", "UMask=0022", "UMask is 0022"),
    "ready at once": ("drainer.service", "Type=notify", "Type=simple", "Type is simple"),
    "no watchdog": ("drainer.service", "WatchdogSec=180\n", "", "WatchdogSec is 0"),
    "a watchdog shorter than a hook": (
        "drainer.service",
        "WatchdogSec=180",
        "WatchdogSec=90",
        "WatchdogSec is 90",
    ),
    "not started again": ("drainer.service", "Restart=always", "Restart=on-failure", "Restart is on-failure"),
    "started again for nothing": (
        "drainer.service",
        "RestartPreventExitStatus=2 78\n",
        "",
        "RestartPreventExitStatus is None",
    ),
    "another folder for the socket": (
        "drainer.service",
        "RuntimeDirectory=drainer\n",
        "",
        "RuntimeDirectory is None",
    ),
    "a reload that ends it": ("drainer.service", "kill -HUP", "kill -TERM", "ExecReload is"),
    "settings that must exist": (
        "drainer.service",
        "EnvironmentFile=-/etc",
        "EnvironmentFile=/etc",
        "EnvironmentFile is",
    ),
    "after the web server": (
        "drainer.service",
        "Before=nginx.service ",
        "Before=",
        "not before nginx.service",
    ),
    "waits for the network": (
        "drainer.service",
        "After=network.target",
        "After=network.target network-online.target",
        "waits for a network",
    ),
    "a unit that requires the sidecar": (
        "drainer-probe.service",
        "Requires=drainer-probe.socket",
        "Requires=drainer-probe.socket drainer.service",
        "Requires ties it to the sidecar",
    ),
    "a drain bound to the sidecar": (
        "drainer-drain.service",
        "RefuseManualStop=yes",
        "RefuseManualStop=yes\nBindsTo=drainer.service",
        "BindsTo ties it to the sidecar",
    ),
    "a sidecar that needs the socket": (
        "drainer.service",
        "After=network.target",
        "After=network.target\nWants=drainer-probe.socket",
        "it needs no other unit",
    ),
    "a probe without its socket": (
        "drainer-probe.service",
        "Requires=drainer-probe.socket\n",
        "",
        "starts without its socket",
    ),
    "a socket that is never enabled": (
        "drainer-probe.socket",
        "WantedBy=sockets.target\n",
        "",
        "enabling it means {}",
    ),
    "a sidecar that is never enabled": (
        "drainer.service",
        "[Install]\nWantedBy=multi-user.target\n",
        "",
        "enabling it means {}",
    ),
    "no drain at a shutdown": (
        "drainer-drain.service",
        'ExecStop=-/usr/bin/drainer drain --reason "this VM shuts down" --wait\n',
        "",
        "ExecStop is None",
    ),
    "a drain that is not waited for": ("drainer-drain.service", " --wait", "", "ExecStop is"),
    "a drain that holds up a shutdown": (
        "drainer-drain.service",
        "ExecStop=-/usr",
        "ExecStop=/usr",
        "ExecStop is /usr",
    ),
    "a drain that is over at once": (
        "drainer-drain.service",
        "RemainAfterExit=yes\n",
        "",
        "RemainAfterExit is None",
    ),
    "a drain that stops last": (
        "drainer-drain.service",
        "After=multi-user.target drainer.service",
        "Before=multi-user.target",
        "not after multi-user.target",
    ),
    "a drain after its daemon": (
        "drainer-drain.service",
        "After=multi-user.target drainer.service",
        "After=multi-user.target",
        "not after drainer.service",
    ),
    "a drain by hand": ("drainer-drain.service", "RefuseManualStop=yes\n", "", "may be stopped by hand"),
    "a drain with too little time": ("drainer-drain.service", "=330", "=90", "TimeoutStopSec is 90"),
    "a logind that does not wait": ("logind.conf.d/drainer.conf", "=330", "=5", "logind's delay 5"),
    "a setting that nobody reads": (
        "default/drainer",
        "#DRAINER_IDENTITY=",
        "#DRAINER_IDENTITIES=",
        "DRAINER_IDENTITIES is no setting",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_was_broken_on_purpose_is_found(tmp_path: Path, name: str) -> None:
    """One change for the worse in one unit is found, and said."""
    place, old, new, said = BROKEN[name]
    units = shutil.copytree(SHIPPED, tmp_path / "units")
    text = (units / place).read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{place}: {old!r} stands {text.count(old)} times"
    (units / place).write_text(text.replace(old, new), encoding="utf-8")
    found = findings(units)
    assert [finding for finding in found if said in finding], found
