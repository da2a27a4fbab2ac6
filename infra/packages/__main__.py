"""`python -m infra.packages [--out DIR]`: every package, a bill of materials and checksums.

The same commit gives the same bytes: times come from SOURCE_DATE_EPOCH, by default the commit's own.
"""

from __future__ import annotations

import argparse
import hashlib
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
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="drainer-packages-") as made:
        packages = build(Path(made), out)
    if why := image.lacking():
        print(f"packages: no OCI image was made: {why}")
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
    debian = deb.build(source, installed, third_parties, out / f"drainer_{source.version}_amd64.deb")
    made = [
        wheels.placed(wheel, out),
        wheels.placed(sdist, out),
        singlefile.build(source, (wheel, *locked), out / f"drainer-{source.version}.pyz"),
        debian,
        bill.write(source, installed, out / f"drainer-{source.version}.cdx.json"),
        third_parties,
    ]
    if not image.lacking():
        made.append(image.build(debian, source, scratch, out / f"drainer-{source.version}.oci.tar"))
    return [*made, _checksums(made, out / "SHA256SUMS")]


def _checksums(made: list[Path], to: Path) -> Path:
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in sorted(made)]
    to.write_text("".join(lines), encoding="ascii")
    return to


if __name__ == "__main__":
    sys.exit(main())
