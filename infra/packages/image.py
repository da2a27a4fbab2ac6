"""The sidecar as a container image: a minimal Debian 12 with the .deb in it, as an OCI archive.

Made by mmdebstrap and buildah, without an engine, and only where root and both of them are there. The same
commit and the same versions of Debian's packages give the same bytes.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from infra.packages.source import Source

BUILD = Path(__file__).with_name("oci") / "build"
PROGRAMS = ("mmdebstrap", "buildah", "unshare", "mount")
USER = "10001:10001"
"""A number, as orchestrators want it that refuse root; the account's name inside is drainer."""

SOCKET = "/var/lib/drainer/control.sock"
"""Beside the state, so that one place alone must be writable."""

LABELLED = "org.opencontainers.image"


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """`debian`: the Debian packages in it, each as NAME VERSION ARCHITECTURE."""

    archive: Path
    debian: tuple[str, ...]


def hindrance() -> str:
    """Why no image can be made here; "": it can."""
    if sys.platform != "linux" or platform.machine() != "x86_64" or os.geteuid() != 0:
        return "it is made by root, on Linux on amd64"
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    return f"{' and '.join(missing)} not installed" if missing else ""


def build(source: Source, package: Path, scratch: Path, to: Path) -> Image:
    """The archive that `podman load` and `skopeo copy oci-archive:…` read, named drainer:VERSION."""
    scratch.mkdir()
    shutil.copyfile(package, scratch / "drainer.deb")
    made = subprocess.run(
        [
            *("unshare", "--mount", "--propagation", "private", "--", str(BUILD)),
            *(str(scratch), f"drainer:{source.version}", *_config(source)),
        ],
        env=source.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if made.returncode != 0:
        raise SystemExit(f"{made.stdout}packages: the container image could not be made")
    _pack(scratch / "layout", to, epoch=source.epoch)
    debian = (scratch / "debian.list").read_text(encoding="ascii").splitlines()
    return Image(archive=to, debian=tuple(sorted(line for line in debian if not line.startswith("drainer "))))


def _config(source: Source) -> list[str]:
    """As options of `buildah config`."""
    labels = {
        "title": "drainer",
        "description": source.description,
        "version": source.version,
        "licenses": "Apache-2.0",
        "authors": source.maintainer,
        "created": datetime.fromtimestamp(source.epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    return [
        *("--user", USER, "--workingdir", "/", "--volume", "/var/lib/drainer", "--stop-signal", "SIGTERM"),
        *("--entrypoint", '["/usr/bin/drainer"]', "--cmd", "run", "--author", source.maintainer),
        *("--env", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "--env", "LANG=C.UTF-8"),
        *("--env", f"DRAINER_SOCKET={SOCKET}"),
        *(word for name, text in labels.items() for word in ("--label", f"{LABELLED}.{name}={text}")),
    ]


def _pack(layout: Path, to: Path, *, epoch: int) -> None:
    """Names in order, no owner, one time."""
    with tarfile.open(to, "w", format=tarfile.PAX_FORMAT) as archive:
        for path in sorted(layout.rglob("*")):
            member = archive.gettarinfo(path, str(path.relative_to(layout)))
            member.mtime, member.uid, member.gid, member.uname, member.gname = epoch, 0, 0, "", ""
            member.mode = 0o755 if member.isdir() else 0o644
            if member.isdir():
                archive.addfile(member)
                continue
            with path.open("rb") as opened:
                archive.addfile(member, opened)
