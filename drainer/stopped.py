"""Why the daemon ends by itself, and with which exit code. SIGTERM is no such reason: that is 0."""

from __future__ import annotations

EXIT_OK, EXIT_FAILED, EXIT_LOCKED, EXIT_CONFIGURATION = 0, 1, 75, 78


class Stopped(Exception):
    """The daemon cannot go on; `code` is its exit code. The reason is logged already."""

    def __init__(self, code: int) -> None:
        super().__init__(str(code))
        self.code = code
