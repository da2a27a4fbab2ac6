"""`run_once` where nothing but bytes, a locale and an exit code are left."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.wire.sources.raw_peer import answer, by_path, listening

ROOT = Path(__file__).parents[3]
PROGRAM = """
import sys
from drainer.once import run_once
from drainer.reporting.syslog import NoLog
sys.exit(run_once(sys.argv[1], log=NoLog()))
"""


def test_a_terminal_that_cannot_show_a_character() -> None:
    """What a terminal's encoding lacks is shown by its number; the exit code is the same."""
    event = {
        "EventId": "A",
        "EventType": "Reboot",
        "EventStatus": "Scheduled",
        "Resources": ["vm1"],
        "Description": "Wartung läuft ☃",
    }
    listing = json.dumps({"DocumentIncarnation": 1, "Events": [event]}).encode()
    routes = {
        "/metadata/instance": [answer(b'{"compute":{"name":"vm1"}}')],
        "/metadata/scheduledevents": [answer(listing)],
    }
    with listening(by_path(routes)) as served:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, served.base_url],
            env={"PYTHONIOENCODING": "latin-1", "PYTHONPATH": str(ROOT)},
            cwd=ROOT,
            capture_output=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 10, done.stderr
    assert "läuft \\u2603" in done.stdout.decode("latin-1")
