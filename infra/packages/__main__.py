"""`python -m infra.packages [--out DIR]`: every package, a bill of materials and checksums.

The same commit gives the same bytes: times come from SOURCE_DATE_EPOCH, by default the commit's own.
The container image also holds packages of Debian: it is the same as long as those are.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import tempfile
from pathlib import Path

from infra.packages import bill, deb, image, notices, singlefile, tree, wheels
from infra.packages.source import Source


def main() -> int:
    """0: all of them were made."""
    parser = argparse.ArgumentParser(prog="python -m infra.packages", description=__doc__, allow_abbrev=False)
    parser.add_argument("--out", type=Path, default=Path("dist"), metavar="DIR", help="default: dist")
    out: Path = parser.parse_args().out.resolve()
    os.umask(0o022)  # the wheel records the modes of files that are made here
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="drainer-packages-") as made:
        packages = build(Path(made), out)
    size = sum(path.stat().st_size for path in packages)
    print(f"packages: {len(packages)} files, {size / 1e6:.1f} MB in {out}")
    return 0


def build(scratch: Path, out: Path) -> list[Path]:
    """All of it into `out`; every file that was made, the checksums last."""
    source = Source.here(scratch / "source")
    wheel, sdist = wheels.build(source, scratch / "dist")
    locked = wheels.locked()
    installed = tree.install(scratch / "tree", (wheel, *locked), source=source)
    third_parties = notices.write(installed, out / "THIRD-PARTY-NOTICES.txt")
    package = deb.build(source, installed, third_parties, out / f"drainer_{source.version}_amd64.deb")
    of_package = bill.write(source, installed, out / f"drainer-{source.version}.cdx.json")
    others = [
        wheels.placed(wheel, out),
        wheels.placed(sdist, out),
        singlefile.build(source, (wheel, *locked), out / f"drainer-{source.version}.pyz"),
        third_parties,
    ]
    contained = _image(source, package, of_package, scratch / "image", out)
    made = [*others, package, of_package, *contained]
    return [*made, _checksums(made, out / "SHA256SUMS")]


def _image(source: Source, package: Path, of_package: Path, scratch: Path, out: Path) -> list[Path]:
    """The image and its bill. Where it cannot be made that is said, and the others stand without it."""
    hindered = image.hindrance()
    if hindered:
        print(f"packages: no container image: {hindered}; all others are made", file=sys.stderr)
        return []
    made = image.build(source, package, scratch, out / f"drainer-{source.version}-oci.tar")
    listed = out / f"drainer-{source.version}-oci.cdx.json"
    return [made.archive, bill.write_image(of_package, made.debian, listed)]


def _checksums(made: list[Path], to: Path) -> Path:
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in sorted(made)]
    to.write_text("".join(lines), encoding="ascii")
    return to


if __name__ == "__main__":
    sys.exit(main())
