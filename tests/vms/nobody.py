"""A command as a user without rights, also where the checkout or the Python stands in a closed home folder.

In a mount namespace of its own the closed folder is covered by an open one that shows only what is needed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NOBODY = "65534"


def as_nobody(command: Sequence[str]) -> list[str]:
    """The same command where we are nobody special already; else without any right. Needs root for that."""
    if os.geteuid() != 0:
        return list(command)
    lines = ["set -e", *(line for needed in _needed() for line in _opened(needed))]
    left = f"exec setpriv --reuid={NOBODY} --regid={NOBODY} --clear-groups --inh-caps=-all --no-new-privs"
    script = "\n".join([*lines, f'{left} "$@"'])
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh", *command]


def _needed() -> Iterator[Path]:
    for needed in (Path(sys.base_prefix).resolve(), ROOT, (ROOT / ".venv").resolve()):
        if _closed(needed) is not None:
            yield needed


def _closed(path: Path) -> Path | None:
    """The outermost folder above `path` that not everybody may enter."""
    return next((above for above in reversed(path.parents) if not above.stat().st_mode & 0o001), None)


def _opened(needed: Path) -> list[str]:
    return [
        "aside=$(mktemp -d)",
        f"mount --bind '{needed}' $aside",
        f"test -e '{_closed(needed)}/.opened' || mount -t tmpfs -o mode=755 tmpfs '{_closed(needed)}'",
        f"mkdir -p '{needed}' && touch '{_closed(needed)}/.opened'",
        f"mount --move $aside '{needed}' && rmdir $aside",
    ]
