"""One file: drainer without Azure, and the pure Python of what it needs, as a zip that Python runs."""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from infra.packages.source import Source

SHEBANG = b"#!/usr/bin/env -S python3 -I\n"
START = Path(__file__).with_name("start.py")
CARRIED = ("drainer", "pyyaml", "requests", "urllib3", "idna", "certifi", "charset_normalizer")
LEFT_OUT = (".so", "/RECORD", ".pyi", "/py.typed")
NOT_PACKED = ("metadata_server/", "drainer/demo/", "drainer/transport/azure/sdk/")


def build(source: Source, wheels: Iterable[Path], to: Path) -> Path:
    """Members in order, one time, the same compression everywhere."""
    packed = io.BytesIO()
    moment = time.gmtime(source.epoch)[:6]
    with zipfile.ZipFile(packed, "w") as archive:
        for name, body in sorted(_members(wheels)):
            member = zipfile.ZipInfo(name, moment)
            member.compress_type = zipfile.ZIP_DEFLATED
            member.external_attr = 0o644 << 16
            archive.writestr(member, body)
    to.write_bytes(SHEBANG + packed.getvalue())
    to.chmod(0o755)
    return to


def _members(wheels: Iterable[Path]) -> Iterator[tuple[str, bytes]]:
    yield "__main__.py", START.read_bytes()
    seen: set[str] = set()
    for wheel in wheels:
        project = wheel.name.partition("-")[0].lower()
        if project not in CARRIED or project in seen:
            continue
        seen.add(project)
        with zipfile.ZipFile(wheel) as packed:
            for name in packed.namelist():
                if not name.endswith(LEFT_OUT) and not name.startswith(NOT_PACKED):
                    yield name, packed.read(name)
    missing = set(CARRIED) - seen
    if missing:
        raise SystemExit(f"packages: the single file needs {', '.join(sorted(missing))}")
