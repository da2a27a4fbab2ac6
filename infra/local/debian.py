"""The disks of real VMs: one Debian root made once, one layer with our package, one layer for each VM.

Layers are overlay mounts, so that a VM's own writes survive its reboots and the root below never changes.
Needs root and a mount namespace that ends with the run.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

SUITE = "bookworm"
INCLUDED = "systemd-sysv,dbus,python3,python3-h11,iproute2,curl"
MADE = f"{SUITE} {INCLUDED}\n"
LONGEST_S = 900
PRIVATELY = ("unshare", "--mount", "--propagation", "private", "--")
"""However the making ends, no mount of it stays in the root, which is deleted where it is not whole."""


def base(cache: Path) -> Path:
    """A root of the distribution with systemd and Python; made by mmdebstrap where it is not there yet."""
    root, stamp = cache / "debian", cache / "debian.made"
    if stamp.exists() and stamp.read_text(encoding="ascii") == MADE:
        return root
    shutil.rmtree(root, ignore_errors=True)
    cache.mkdir(parents=True, exist_ok=True)
    made = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={INCLUDED}", SUITE, str(root)]
    _ran([*PRIVATELY, *made])
    stamp.write_text(MADE, encoding="ascii")
    return root


def layer(below: tuple[Path, ...], folder: Path) -> Path:
    """A writable layer in `folder` over `below`, topmost first; where it is mounted."""
    upper, work, root = (folder / name for name in ("upper", "work", "root"))
    for made in (upper, work, root):
        made.mkdir(parents=True)
    options = f"lowerdir={':'.join(map(str, below))},upperdir={upper},workdir={work}"
    _ran(["mount", "-t", "overlay", "overlay", "-o", options, str(root)])
    return root


def installed(package: Path, on: Path, folder: Path) -> Path:
    """The writes of installing the package over `on`: a layer to put VMs on."""
    root = layer((on,), folder)
    shutil.copy(package, root / "root" / package.name)
    _ran(
        [
            *("systemd-nspawn", "--quiet", "-D", str(root), "--pipe", "--register=no", "--keep-unit"),
            *("dpkg", "--install", f"/root/{package.name}"),
        ]
    )
    unmount(root)
    return folder / "upper"


def unmount(root: Path) -> None:
    """Take the layer's mount away; its writes stay."""
    _ran(["umount", "--recursive", str(root)])


def _ran(command: list[str]) -> None:
    """RuntimeError with what the program said."""
    if shutil.which(command[0]) is None:
        raise RuntimeError(f"no {command[0]} program found; tests/install-system-packages names its package")
    ran = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=LONGEST_S,
    )
    if ran.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {ran.stdout.strip()[-1000:] or ran.returncode}")
