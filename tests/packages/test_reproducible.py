"""The same sources give the same bytes, whoever builds them."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tests.packages.conftest import build_into
from tests.packages.root import needs_roots


@needs_roots
def test_another_build_gives_the_same_bytes(packages: Path, tmp_path: Path) -> None:
    """Built again under another time zone, language and hash seed: every file is the same."""
    build_into(tmp_path, TZ="Asia/Tokyo", LANG="C", PYTHONHASHSEED="7")
    digests = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in tmp_path.iterdir()}
    assert digests == {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in packages.iterdir()
    }
    lines = (tmp_path / "SHA256SUMS").read_text(encoding="ascii").splitlines()
    summed = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    assert summed == {name: digest for name, digest in digests.items() if name != "SHA256SUMS"}
