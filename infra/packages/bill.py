"""The bill of materials (CycloneDX, JSON) of what the .deb carries, made by cyclonedx-bom."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from infra.packages.source import Source
from infra.packages.tree import PACKAGES


def write(source: Source, tree: Path, to: Path) -> Path:
    """Without times and serial numbers, so that the same packages give the same bill."""
    with tempfile.TemporaryDirectory(prefix="drainer-bill-") as scratch:
        python = _seeing(tree / PACKAGES, Path(scratch))
        subprocess.run(
            [
                *(sys.executable, "-m", "cyclonedx_py", "environment", "--output-reproducible"),
                *("--pyproject", str(source.path / "pyproject.toml"), "--mc-type", "application"),
                *("--spec-version", "1.6", "--output-format", "JSON", "--output-file", str(to), str(python)),
            ],
            check=True,
            env=source.environment,
        )
    return to


def _seeing(packages: Path, scratch: Path) -> Path:
    """A Python that has these packages and no others."""
    venv.create(scratch, with_pip=False)
    site = next(scratch.glob("lib/python*/site-packages"))
    (site / "packages.pth").write_text(f"{packages}\n", encoding="utf-8")
    return scratch / "bin" / "python"
