"""How often each asker was answered "down" since the present marker appeared.

Kept beside the marker for the daemon to read. Failing to keep it never changes an answer.
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from drainer.probe import marker as markers

ENOUGH = 1000
"""Nobody waits for more: an asker in a hurry must not keep the disk busy."""

ASKERS = 256
"""So many askers are remembered; then the one that has been silent longest is forgotten."""


class Tally:
    def __init__(self, marker: Path) -> None:
        self._marker = marker
        self._lock = threading.Lock()
        self._which = ""
        self._down: dict[str, int] = {}
        self._complained = False

    def count(self, asker: str, which: str) -> None:
        """`asker` was answered down under the marker `which`."""
        with self._lock:
            if which != self._which:
                self._which = which
                self._down = dict(markers.read_evidence(self._marker, which))
            count = self._down.pop(asker, 0)
            self._down[asker] = min(count + 1, ENOUGH)
            if count < ENOUGH:
                self._keep()

    def _keep(self) -> None:
        while len(self._down) > ASKERS:
            del self._down[next(iter(self._down))]
        try:
            markers.write_evidence(self._marker, self._which, self._down)
        except OSError as error:
            self._complain(error)

    def _complain(self, error: OSError) -> None:
        if not self._complained:
            self._complained = True
            print(f"probe: no evidence can be kept, so no drain is proven: {error}", file=sys.stderr)
