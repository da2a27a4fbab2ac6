"""The marker: a file whose presence says "send me nothing new". The daemon writes it, others read it.

Beside it lies the probe unit's evidence: how often each asker was answered "down" since this marker
appeared. Knows files only; it must not know who may write a marker, or when.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from drainer.fresh import anew, readable

EVIDENCE_LIMIT = 1 << 20
TEXT_LIMIT = 1 << 16
EVIDENCE_SCHEMA = 1


def identity(marker: Path) -> str | None:
    """Which marker is there; one that is written anew is another. None: there is none. Raises OSError."""
    try:
        found = marker.stat()
    except FileNotFoundError:
        return None
    return f"{found.st_mtime_ns}-{found.st_ino}"


def write(marker: Path, text: str) -> None:
    """Put the marker there, whole or not at all, safe on disk before this returns. Raises OSError."""
    _replace(marker, text, durable=True)
    _sync_directory(marker.parent)


def read(marker: Path) -> Mapping[str, object]:
    """What the marker says of itself; anybody may have written it, and what is no object says nothing."""
    try:
        with open(marker, "rb", opener=readable) as file:
            record = json.loads(file.read(TEXT_LIMIT))
    except (OSError, ValueError, RecursionError):
        return {}
    return record if isinstance(record, dict) else {}


def remove(marker: Path) -> None:
    """Take the marker away, safe on disk before this returns; none there is success. Raises OSError."""
    marker.unlink(missing_ok=True)
    _sync_directory(marker.parent)


def evidence_path(marker: Path) -> Path:
    return marker.with_name(f"{marker.name}.answers")


def write_evidence(marker: Path, which: str, down: Mapping[str, int]) -> None:
    """Say how often each asker was answered "down" under the marker `which`. Raises OSError.

    Not synced: after a power cut the count begins again, and a drain is waited for a little longer.
    """
    record = {"schema": EVIDENCE_SCHEMA, "marker": which, "down": dict(down)}
    _replace(evidence_path(marker), json.dumps(record), durable=False)


def read_evidence(marker: Path, which: str) -> Mapping[str, int]:
    """Askers and their "down" answers under the marker `which`; what cannot be believed is no evidence."""
    try:
        with open(evidence_path(marker), "rb", opener=readable) as file:
            record = json.loads(file.read(EVIDENCE_LIMIT))
    except (OSError, ValueError, RecursionError):
        return {}
    match record:
        case {"schema": 1, "marker": str(named), "down": dict(down)} if named == which:
            return {asker: count for asker, count in down.items() if isinstance(count, int)}
        case _:
            return {}


def _replace(path: Path, text: str, *, durable: bool) -> None:
    fresh = path.with_name(f".{path.name}.new")
    try:
        with open(fresh, "w", encoding="utf-8", opener=anew) as file:
            os.chmod(file.fileno(), 0o644)
            file.write(text)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        os.replace(fresh, path)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise


def _sync_directory(path: Path) -> None:
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
