"""Exit codes, the same for every verb; docs/interfaces.md lists them."""

from __future__ import annotations

OK = 0
FAILED = 1
USAGE = 2
ALARM = 3
NO_DAEMON = 4
PENDING = 10
UNAVAILABLE = 75
CONFIGURATION = 78
INTERRUPTED = 130
