"""The same package under another version."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.packages.root import ran

UNIT = "usr/lib/systemd/system/drainer.service"


def as_version(deb: Path, version: str, scratch: Path, *, mark: str = "") -> Path:
    """Written anew, so that systemd sees a unit that is newer than the one it has read; `mark` ends it."""
    tree, made = scratch / "repacked", scratch / "other.deb"
    ran("dpkg-deb", "--raw-extract", str(deb), str(tree))
    control = tree / "DEBIAN" / "control"
    lines = control.read_text(encoding="utf-8").splitlines(keepends=True)
    control.write_text(
        "".join(f"Version: {version}\n" if line.startswith("Version:") else line for line in lines),
        encoding="utf-8",
    )
    with (tree / UNIT).open("a", encoding="utf-8") as unit:
        unit.write(f"# {mark}\n")
    ran("dpkg-deb", "--root-owner-group", "-Znone", "--build", str(tree), str(made))
    shutil.rmtree(tree)
    return made
