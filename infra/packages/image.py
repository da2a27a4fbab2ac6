"""The OCI image, built without an engine: mmdebstrap makes its root, buildah the image around it.

The same bytes from the same `.deb` and the same versions of Debian's packages: those that are served on the
day, security updates among them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
from pathlib import Path

from infra.packages.source import Source

CONTAINERFILE = Path(__file__).with_name("oci") / "Containerfile"
SUITE = "bookworm"
OWNER = 10001
"""User and group of the daemon: numbers, for whoever gives a mounted state directory to them."""

PROGRAMS = ("mmdebstrap", "buildah")
LEFT_OUT = (
    "path-exclude=/usr/share/man/*",
    "path-exclude=/usr/share/locale/*",
    "path-exclude=/usr/share/doc/*",
)
KEPT = ("path-include=/usr/share/doc/*/copyright", "path-include=/usr/share/doc/drainer/*")


def lacking() -> str:
    """Why no image can be made here, or ""."""
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing:
        return f"not installed: {', '.join(missing)}"
    return "" if os.geteuid() == 0 else "mmdebstrap and buildah make it as root"


def build(deb: Path, source: Source, scratch: Path, to: Path) -> Path:
    """`to`: an archive of the OCI layout, which podman loads and skopeo copies to a registry."""
    context, layout = scratch / "image", scratch / "layout"
    context.mkdir()
    _make_root(deb, source, context / "root.tar")
    _make_layout(source, context, layout)
    _archive(layout, source.epoch, to)
    return to


def _make_root(deb: Path, source: Source, to: Path) -> None:
    account = (
        f'chroot "$1" groupadd --gid {OWNER} drainer',
        f'chroot "$1" useradd --uid {OWNER} --gid {OWNER} --home-dir /var/lib/drainer drainer',
        'chroot "$1" usermod --shell /usr/sbin/nologin drainer',
    )
    package = (
        f"copy-in {deb} /var",
        'chroot "$1" sh -ec "dpkg --install /var/drainer_*.deb; rm /var/drainer_*.deb"',
        'chroot "$1" install -d -m 0755 -o drainer -g drainer /run/drainer',
        # Times, counters and caches of this build
        'chroot "$1" sh -ec "rm -rf /var/log/* /var/cache/debconf/*-old /var/lib/dpkg/*-old /etc/*-"',
    )
    command = [
        *("mmdebstrap", "--quiet", "--mode=root", "--variant=minbase", "--include=python3"),
        *(f"--dpkgopt={option}" for option in (*LEFT_OUT, *KEPT)),
        *(f"--customize-hook={hook}" for hook in (*account, *package)),
        *(SUITE, str(to)),
    ]
    _ran(command, source)


def _make_layout(source: Source, context: Path, layout: Path) -> None:
    name = f"drainer:{source.version}"
    store = ("--storage-driver", "vfs", "--root", f"{context}/store", "--runroot", f"{context}/run")
    labels = {
        "title": "drainer",
        "description": "takes an Azure VM out of its load balancer before a maintenance",
        "version": source.version,
        "licenses": "Apache-2.0",
    }
    said = [
        word
        for key, value in labels.items()
        for word in ("--label", f"org.opencontainers.image.{key}={value}")
    ]
    built = [
        *("buildah", *store, "bud", "--isolation", "chroot", "--format", "oci", "--layers=false"),
        *("--timestamp", str(source.epoch), *said, "--tag", name, "--file", str(CONTAINERFILE), str(context)),
    ]
    _ran(built, source)
    _ran(["buildah", *store, "push", "--quiet", name, f"oci:{layout}:{source.version}"], source)


def _archive(layout: Path, epoch: int, to: Path) -> None:
    """In order of names, owned by root, all of one time."""

    def settled(entry: tarfile.TarInfo) -> tarfile.TarInfo:
        entry.mtime, entry.mode = epoch, 0o755 if entry.isdir() else 0o644
        entry.uid = entry.gid = 0
        entry.uname = entry.gname = ""
        return entry

    with tarfile.open(to, "w", format=tarfile.USTAR_FORMAT) as archive:
        for path in sorted(layout.rglob("*")):
            archive.add(path, str(path.relative_to(layout)), recursive=False, filter=settled)


def _ran(command: list[str], source: Source) -> None:
    done = subprocess.run(command, env=source.environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"packages: {command[0]} ended with {done.returncode}:\n{done.stderr[-3000:]}")
