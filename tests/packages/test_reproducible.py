"""The same sources give the same bytes, whoever builds them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from tests.packages.conftest import build_into
from tests.packages.root import needs_roots


@needs_roots
def test_another_build_gives_the_same_bytes(packages: Path, tmp_path: Path) -> None:
    """Built again under another time zone, language, hash seed and umask: every file is the same, the image
    too."""
    first, again = packages, tmp_path / "again"
    build_into(again, umask=0o077, TZ="Asia/Tokyo", LANG="C", PYTHONHASHSEED="7")
    if _debian(first) != _debian(again):  # its archive moved on since the first were built: they may be old
        first = tmp_path / "first"
        build_into(first)
    digests = _digests(again)
    assert digests == _digests(first)
    assert sum(name.endswith("-oci.tar") for name in digests) == 1
    lines = (again / "SHA256SUMS").read_text(encoding="ascii").splitlines()
    summed = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    assert summed == {name: digest for name, digest in digests.items() if name != "SHA256SUMS"}


def _digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def _debian(folder: Path) -> set[str]:
    """The Debian packages in the image, with their versions."""
    bill = json.loads(next(folder.glob("*-oci.cdx.json")).read_text(encoding="utf-8"))
    return {part["purl"] for part in bill["components"] if part["purl"].startswith("pkg:deb/")}
