"""What stands on the disk of a real VM beside our package: its policy, its settings, its web application."""

from __future__ import annotations

import shutil
from pathlib import Path

from drainer.demo import application
from drainer.demo.front import Front
from drainer.demo.namespaces import METADATA_HOST, Network
from drainer.demo.places import Place

STATE = Path("/var/lib/drainer")
AUTHORITY = "etc/drainer/management-ca.pem"
BOOT_ID = "/run/boot_id"
"""systemd-nspawn gives each boot an id by a mount over the kernel's file; the unit's own /proc (ProtectProc=)
is without that mount and shows the host's id. A copy made at each boot is what the kernel would say."""

COPIED = f"C {BOOT_ID} 0444 root root - /proc/sys/kernel/random/boot_id\n"
TOY = """\
[Unit]
Description=The web application
After=network.target drainer.service

[Service]
ExecStart=/usr/bin/python3 /opt/application.py --listen {listen} --name {name} --marker {marker} --warm-up 0.5
DynamicUser=yes

[Install]
WantedBy=multi-user.target
"""


def place(vm: str, network: Network) -> Place:
    """The VM as the platform and the policy see it; its paths are those inside."""
    return Place(
        name=vm,
        address=network.address(vm),
        metadata_port=80,
        application_port=8080,
        wire_port=0,
        root=STATE,
        metadata_host=METADATA_HOST,
    )


def furnish(root: Path, where: Place, front: Front, authority: Path) -> None:
    """The package's own files are left as they are; settings go where its operator would put them."""
    (root / "etc/hostname").write_text(f"{where.name}\n", encoding="ascii")
    (root / "etc/drainer/policy.yaml").write_text(front.policy(where), encoding="utf-8")
    shutil.copy(authority, root / AUTHORITY)
    (root / AUTHORITY).chmod(0o644)
    (root / "etc/default/drainer").write_text(_settings(front.flags()), encoding="utf-8")
    (root / "etc/tmpfiles.d/boot_id.conf").write_text(COPIED, encoding="ascii")
    shutil.copy(application.__file__, root / "opt/application.py")
    toy = TOY.format(listen=where.application, name=where.name, marker=where.marker)
    units = root / "etc/systemd/system"
    (units / "application.service").write_text(toy, encoding="utf-8")
    wanted = units / "multi-user.target.wants"
    for unit, at in (("application", "/etc"), ("drainer-drain", "/lib")):
        (wanted / f"{unit}.service").symlink_to(f"{at}/systemd/system/{unit}.service")


def _settings(flags: list[str]) -> str:
    """Flags as the variables that the unit reads."""
    named = dict(zip(flags[::2], flags[1::2], strict=True))
    named |= {"--management-ca": f"/{AUTHORITY}", "--boot-id": BOOT_ID}
    lines = [f"DRAINER_{flag[2:].upper().replace('-', '_')}={value}\n" for flag, value in named.items()]
    return "".join(lines)
