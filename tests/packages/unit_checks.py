"""What the documents promise of the systemd units, checked in their text; each finding says which and what.

It knows files alone. What only a booted system can tell is in test_machine.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from drainer.act import LONGEST_HOOK
from drainer.policyfile.builtin import NAMES, builtin
from drainer.settings import FLAGS

SIDECAR, PROBE, DRAIN, SOCKET = UNITS = (
    "drainer.service",
    "drainer-probe.service",
    "drainer-drain.service",
    "drainer-probe.socket",
)
SERVICES = (SIDECAR, PROBE, DRAIN)
SERVERS = frozenset({"nginx.service", "apache2.service", "haproxy.service", "caddy.service"})
TIES = frozenset({"Requires", "Wants", "BindsTo", "Requisite", "PartOf", "Upholds"})
MADE_HERE = frozenset({SIDECAR, PROBE})
"""Those that write into the state directory; systemd makes it for them."""

SANDBOX = {
    "User": "drainer",
    "Group": "drainer",
    "UMask": "0077",
    "LimitCORE": "0",
    "NoNewPrivileges": "yes",
    "CapabilityBoundingSet": "",
    "AmbientCapabilities": "",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "PrivateMounts": "yes",
    "PrivateDevices": "yes",
    "DevicePolicy": "closed",
    "ProtectClock": "yes",
    "ProtectHostname": "yes",
    "ProtectKernelLogs": "yes",
    "ProtectKernelModules": "yes",
    "ProtectKernelTunables": "yes",
    "ProtectControlGroups": "yes",
    "ProtectProc": "invisible",
    "RestrictNamespaces": "yes",
    "RestrictRealtime": "yes",
    "RestrictSUIDSGID": "yes",
    "LockPersonality": "yes",
    "MemoryDenyWriteExecute": "yes",
    "RemoveIPC": "yes",
    "KeyringMode": "private",
    "SystemCallArchitectures": "native",
    "SystemCallErrorNumber": "EPERM",
}
CALLS = "@system-service\n~@privileged @resources"
OWN: dict[str, dict[str, str]] = {
    SIDECAR: {
        "Type": "notify",
        "NotifyAccess": "main",
        "EnvironmentFile": "-/etc/default/drainer",
        "ExecStart": "/usr/bin/drainer run",
        "ExecReload": '/bin/sh -c "kill -HUP $$MAINPID"',
        "Restart": "always",
        "RestartPreventExitStatus": "2 78",
        "RuntimeDirectory": "drainer",
        "RuntimeDirectoryMode": "0755",
        "RestrictAddressFamilies": "AF_UNIX AF_INET AF_INET6",
        "SystemCallFilter": f"{CALLS}\nsetrlimit prlimit64",
    },
    PROBE: {
        "Type": "exec",
        "EnvironmentFile": "-/etc/default/drainer-probe",
        "ExecStart": "/usr/bin/drainer probe",
        "Restart": "always",
        "RestrictAddressFamilies": "AF_UNIX AF_INET AF_INET6",
        "SystemCallFilter": CALLS,
    },
    DRAIN: {
        "Type": "oneshot",
        "RemainAfterExit": "yes",
        "PrivateNetwork": "yes",
        "RestrictAddressFamilies": "AF_UNIX",
        "SystemCallFilter": CALLS,
    },
}
WANTED_BY = {SIDECAR: "multi-user.target", DRAIN: "multi-user.target", SOCKET: "sockets.target"}

Unit = dict[str, dict[str, str]]
"""Settings by section; one that comes again is joined by a line."""


def unit(path: Path) -> Unit:
    read: Unit = {"Unit": {}, "Install": {}}
    section: dict[str, str] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            section = read.setdefault(line.strip("[]"), {})
        elif "=" in line and not line.startswith("#"):
            key, value = line.split("=", 1)
            section[key] = f"{section[key]}\n{value}" if key in section else value
    return read


def seconds(text: str) -> int:
    """A span that a unit or a policy states in seconds or minutes."""
    number, unit_of = re.fullmatch(r"(\d+)(m|s|)", text).groups()  # type: ignore[union-attr]
    return int(number) * (60 if unit_of == "m" else 1)


def findings(folder: Path) -> list[str]:
    """What is wrong with the units and drop-ins in `folder`; empty: nothing."""
    units = {name: unit(folder / name) for name in UNITS}
    return [
        *(found for name in SERVICES for found in _settings(name, units[name])),
        *_ties(units),
        *_order(units),
        *_lasting(units),
        *_watchdog(units[SIDECAR]),
        *_shutdown(units[DRAIN], unit(folder / "logind.conf.d" / "drainer.conf")),
        *_state(folder),
        *_defaults(folder),
    ]


def _settings(name: str, read: Unit) -> Iterator[str]:
    """A static user, and a state directory that everybody may enter: the web server looks at the marker."""
    made = {"StateDirectory": "drainer", "StateDirectoryMode": "0755"} if name in MADE_HERE else {}
    for key, expected in {**SANDBOX, **OWN[name], **made}.items():
        stated = read["Service"].get(key)
        if stated != expected:
            yield f"{name}: {key} is {stated}, expected {expected}"
    for key in {"DynamicUser", "ProcSubset"} & set(read["Service"]):
        if (name, key) != (PROBE, "ProcSubset"):
            yield f"{name}: {key}: the daemon's user is static, and the kernel's boot id is read"


def _ties(units: dict[str, Unit]) -> Iterator[str]:
    """Nothing stands or falls with the sidecar."""
    for name, read in units.items():
        for tie in sorted(TIES & set(read["Unit"])):
            if SIDECAR in read["Unit"][tie].split():
                yield f"{name}: {tie} ties it to the sidecar"
    for tie in sorted(TIES & set(units[SIDECAR]["Unit"])):
        yield f"{SIDECAR}: {tie}: it needs no other unit"
    if units[PROBE]["Unit"].get("Requires") != SOCKET:
        yield f"{PROBE}: starts without its socket"


def _order(units: dict[str, Unit]) -> Iterator[str]:
    """Ready before traffic comes, and waiting for no network; the drain stops first."""
    sidecar, drain = units[SIDECAR]["Unit"], units[DRAIN]["Unit"]
    for server in sorted(SERVERS - set(sidecar.get("Before", "").split())):
        yield f"{SIDECAR}: not before {server}"
    if "network-online.target" in " ".join(sidecar.values()):
        yield f"{SIDECAR}: waits for a network"
    for earlier in sorted(
        {"multi-user.target", SIDECAR, "network.target"} - set(drain.get("After", "").split())
    ):
        yield f"{DRAIN}: not after {earlier}: it stops first only where it starts last"
    for name, target in WANTED_BY.items():
        wanted = units[name]["Install"]
        if wanted != {"WantedBy": target}:
            yield f"{name}: enabling it means {wanted}, expected {target}"


def _lasting(units: dict[str, Unit]) -> Iterator[str]:
    """Started again however often and quickly it ended (systemd.unit(5), StartLimitIntervalSec)."""
    for name in sorted(MADE_HERE):
        if units[name]["Unit"].get("StartLimitIntervalSec") != "0":
            yield f"{name}: five quick ends leave it dead for good"


def _watchdog(sidecar: Unit) -> Iterator[str]:
    """At least 90 s, and longer than the longest hook with a half minute's rest before it."""
    patience = seconds(sidecar["Service"].get("WatchdogSec", "0"))
    if patience < 90 or patience <= LONGEST_HOOK.total_seconds() + 30:
        yield f"{SIDECAR}: WatchdogSec is {patience}"


def _shutdown(drain: Unit, logind: Unit) -> Iterator[str]:
    """Unit and logind wait as long, and longer than any drain of a ready-made policy."""
    patience = seconds(drain["Service"].get("TimeoutStopSec", "0"))
    delay = seconds(logind["Login"].get("InhibitDelayMaxSec", "0"))
    timeouts = [found for name in NAMES for found in re.findall(r"drain_timeout: (\w+)", builtin(name))]
    if patience != delay:
        yield f"{DRAIN}: TimeoutStopSec is {patience}, logind's delay {delay}"
    if patience <= max(seconds(timeout) for timeout in timeouts):
        yield f"{DRAIN}: TimeoutStopSec is {patience}: shorter than a drain"
    if drain["Unit"].get("RefuseManualStop") != "yes":
        yield f"{DRAIN}: may be stopped by hand"
    if not re.fullmatch(r"-/usr/bin/drainer drain --reason .* --wait", drain["Service"].get("ExecStop", "")):
        yield f"{DRAIN}: ExecStop is {drain['Service'].get('ExecStop')}"


def _state(folder: Path) -> Iterator[str]:
    made = (folder / "tmpfiles.d" / "drainer.conf").read_text(encoding="utf-8")
    if "d /var/lib/drainer 0755 drainer drainer -\n" not in made:
        yield "tmpfiles.d: the state directory is another's, or not for all to enter"
    users = (folder / "sysusers.d" / "drainer.conf").read_text(encoding="utf-8")
    if not re.search(r'^u drainer - "drainer" /var/lib/drainer /usr/sbin/nologin$', users, re.MULTILINE):
        yield "sysusers.d: no user drainer without a shell"


def _defaults(folder: Path) -> Iterator[str]:
    """A variable in /etc/default/drainer is one that `drainer run` reads."""
    text = (folder / "default" / "drainer").read_text(encoding="utf-8")
    named = set(re.findall(r"^#?(DRAINER_\w+)=", text, re.MULTILINE))
    for name in sorted(named - {flag.variable for flag in FLAGS.values()}):
        yield f"default/drainer: {name} is no setting"
    if not named:
        yield "default/drainer: names no setting"
