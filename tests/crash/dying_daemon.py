"""The shipped daemon, killed at one write of its journal: `… -m tests.crash.dying_daemon N before|after …`.

The N-th append dies by SIGKILL, before its line is on disk or after. Everything else is as shipped.
"""

from __future__ import annotations

import os
import signal
import sys

from drainer.cli import main
from drainer.journal import storage


def arm(number: int, when: str) -> None:
    """Let the `number`-th append of this process be its last act."""
    shipped = storage.FileStore.append
    writes = 0

    def dying(self: storage.FileStore, line: str) -> None:
        nonlocal writes
        writes += 1
        if writes == number and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        shipped(self, line)
        if writes == number:
            os.kill(os.getpid(), signal.SIGKILL)

    storage.FileStore.append = dying  # type: ignore[method-assign]


if __name__ == "__main__":
    arm(int(sys.argv[1]), sys.argv[2])
    raise SystemExit(main(sys.argv[3:]))
