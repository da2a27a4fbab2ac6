"""Prints the modules that an idle daemon has loaded beside its own: `python -m bench.modules POLICY`."""

from __future__ import annotations

import sys
from pathlib import Path

from drainer import connections, daemon, health, hooks
from drainer.control import ControlServer
from drainer.reporting.local import LocalEndpoint
from drainer.reporting.syslog import system_log
from drainer.sources.discovery import discover
from drainer.wiring import parse_policy

USED = (connections, daemon, health, hooks, ControlServer, LocalEndpoint, system_log, discover)

if __name__ == "__main__":
    parse_policy(Path(sys.argv[1]).read_text(encoding="utf-8"), file=sys.argv[1])
    theirs = (name for name in sys.modules if name.split(".")[0] not in ("drainer", "bench", "__main__"))
    print(" ".join(sorted(theirs)))
