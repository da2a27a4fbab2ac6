"""Wheels: ours and the sdist, built from the sources; those of others, by the hashes of requirements.txt."""

from __future__ import annotations

import gzip
import hashlib
import io
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from infra.packages.source import ROOT, Source

LOCK = Path(__file__).with_name("requirements.txt")
KEPT = ROOT / "build" / "wheels"
PYTHONS = ("3.11", "3.12", "3.13")
"""Of Debian 12, Ubuntu 24.04 and Debian 13: the few compiled modules are carried for each."""

PLATFORMS = ("manylinux2014_x86_64", "manylinux_2_28_x86_64")
"""Of glibc 2.28 at most: each of these systems has a newer one."""


def build(source: Source, to: Path) -> tuple[Path, Path]:
    """Our wheel and sdist, the same bytes from the same sources."""
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(to), str(source.path)],
        env=source.environment,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    wheel, sdist = next(to.glob("*.whl")), next(to.glob("*.tar.gz"))
    _settle_times(sdist, source.epoch)
    return wheel, sdist


def locked() -> tuple[Path, ...]:
    """The locked wheels of every Python that is supported; those that suit several come once.

    They are kept in the checkout; whatever is not locked is thrown away, whatever is missing downloaded.
    """
    wanted = set(re.findall(r"sha256:([0-9a-f]{64})", LOCK.read_text(encoding="ascii")))
    kept = {path: _digest(path) for path in KEPT.glob("*.whl")}
    for path in (path for path, digest in kept.items() if digest not in wanted):
        path.unlink()
    if wanted - set(kept.values()):
        _download(KEPT)
    return tuple(sorted(KEPT.glob("*.whl")))


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _download(to: Path) -> None:
    for python in PYTHONS:
        platforms = [word for platform in PLATFORMS for word in ("--platform", platform)]
        subprocess.run(
            [
                *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"),
                *("--require-hashes", "--no-deps", "--only-binary", ":all:", "--dest", str(to)),
                *("--python-version", python, *platforms, "--requirement", str(LOCK)),
            ],
            check=True,
        )


def placed(made: Path, out: Path) -> Path:
    return Path(shutil.copyfile(made, out / made.name))


def _settle_times(sdist: Path, epoch: int) -> None:
    """Pack the archive anew: names in order, no owner, one time."""
    plain = io.BytesIO()
    with tarfile.open(sdist) as old, tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as new:
        for member in sorted(old.getmembers(), key=lambda member: member.name):
            member.mtime, member.uid, member.gid, member.uname, member.gname = epoch, 0, 0, "", ""
            member.mode = 0o755 if member.isdir() else 0o644
            member.pax_headers = {}
            new.addfile(member, old.extractfile(member) if member.isfile() else None)
    sdist.write_bytes(gzip.compress(plain.getvalue(), mtime=epoch))
