"""Bills of materials (CycloneDX, JSON): of what the .deb carries, made by cyclonedx-bom; and of the image."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

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


def write_image(of_package: Path, debian: Iterable[str], to: Path) -> Path:
    """The package's bill and the Debian packages around it, each as NAME VERSION ARCHITECTURE."""
    bill = json.loads(of_package.read_text(encoding="utf-8"))
    bill["metadata"]["component"]["type"] = "container"
    bill["components"] += [_of_debian(*line.split()) for line in debian]
    to.write_text(json.dumps(bill, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return to


def _of_debian(name: str, version: str, architecture: str) -> dict[str, str]:
    purl = f"pkg:deb/debian/{quote(name)}@{quote(version)}?arch={architecture}&distro=debian-12"
    return {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}


def _seeing(packages: Path, scratch: Path) -> Path:
    """A Python that has these packages and no others."""
    venv.create(scratch, with_pip=False)
    site = next(scratch.glob("lib/python*/site-packages"))
    (site / "packages.pth").write_text(f"{packages}\n", encoding="utf-8")
    return scratch / "bin" / "python"
