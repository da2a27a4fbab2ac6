"""What is installed under /usr/lib/drainer: a virtual environment on the system's Python, made of wheels.

One folder of packages serves every supported Python: pure modules are the same, and compiled ones bear the
version in their names.
"""

from __future__ import annotations

import compileall
import os
import py_compile
import zipfile
from collections.abc import Iterable
from pathlib import Path

from infra.packages.source import Source
from infra.packages.wheels import PYTHONS

INSTALLED_AS = "/usr/lib/drainer"
PACKAGES = f"lib/python{PYTHONS[0]}/site-packages"
LEFT_OUT = ("metadata_server/", ".data/", ".dist-info/RECORD")
"""The emulator is no part of a VM; a record would be of one wheel, and here several lie in one place."""

VENV = "home = /usr/bin\ninclude-system-site-packages = false\n"


def install(to: Path, wheels: Iterable[Path], *, source: Source) -> Path:
    """The tree; its folder of packages is `to / PACKAGES`."""
    packages = to / PACKAGES
    for wheel in wheels:
        unpack(wheel, packages)
    (to / "bin").mkdir(parents=True)
    (to / "bin" / "python").symlink_to("/usr/bin/python3")
    (to / "pyvenv.cfg").write_text(VENV, encoding="ascii")
    for python in PYTHONS[1:]:
        (to / "lib" / f"python{python}").symlink_to(f"python{PYTHONS[0]}")
    compile_all(packages)
    _settle_times(to, source.epoch)
    return to


def unpack(wheel: Path, to: Path) -> None:
    """Its files, mode 0644."""
    with zipfile.ZipFile(wheel) as packed:
        for name in packed.namelist():
            if name.endswith("/") or any(part in name for part in LEFT_OUT):
                continue
            path = to / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(packed.read(name))
            path.chmod(0o644)


def compile_all(packages: Path) -> None:
    """Bytecode of the Python that builds, never checked against the sources: both come in one package."""
    whole = compileall.compile_dir(
        packages,
        quiet=1,
        stripdir=str(packages),
        prependdir=f"{INSTALLED_AS}/{PACKAGES}",
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )
    if not whole:
        raise SystemExit("packages: not everything could be compiled")


def _settle_times(to: Path, epoch: int) -> None:
    for path in (to, *to.rglob("*")):
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o755)
        os.utime(path, (epoch, epoch), follow_symlinks=False)
