"""The gate before an apply: open only where every VM answers that it is ready."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.infra.terraform.tool import CONFIGURATIONS

GATE = CONFIGURATIONS / "demo" / "gate"
READY = {"daemon": True, "phase": "steady", "alarms": []}
# Answers as the VM agent does, after running what it is given with a `drainer` that says what the test wants.
AZ = """#!/bin/sh
case "$*" in
"vm list "*) cat "$FLEET/names"; exit 0 ;;
esac
while [ $# -gt 0 ]; do
    [ "$1" = --name ] && name=$2
    [ "$1" = --scripts ] && script=$2
    shift
done
[ -e "$FLEET/$name" ] || { echo "ERROR: the VM agent does not answer" >&2; exit 1; }
export STATUS="$FLEET/$name"
printf 'Enable succeeded: \\n[stdout]\\n%s\\n\\n[stderr]\\n\\n' "$(sh -c "$script" 2>&1)"
"""
DRAINER = '#!/bin/sh\n[ "$*" = "status --json" ] || exit 2\ncat "$STATUS"\nexit 3\n'


def asked(directory: Path, statuses: dict[str, dict[str, Any] | None]) -> tuple[int, list[str]]:
    """How the gate ended, and what it said, for a fleet with these statuses; None: nobody answers."""
    for name, text in (("az", AZ), ("drainer", DRAINER)):
        (directory / name).write_text(text)
        (directory / name).chmod(0o755)
    fleet = directory / "fleet"
    fleet.mkdir()
    (fleet / "names").write_text("".join(f"{name}\n" for name in statuses))
    for name, status in statuses.items():
        if status is not None:
            (fleet / name).write_text(json.dumps(status))
    environment = {"PATH": f"{directory}:{os.environ['PATH']}", "FLEET": str(fleet)}
    ended = subprocess.run(
        [str(GATE), "group"], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    return ended.returncode, ended.stdout.splitlines()


def test_opens_where_every_vm_is_ready(tmp_path: Path) -> None:
    """All steady, no alarm: 0, and a closing line with the counts."""
    assert asked(tmp_path, {"web-1": READY, "web-2": READY}) == (
        0,
        ["web-1: ready", "web-2: ready", "2 asked, 0 not ready"],
    )


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ({**READY, "phase": "drained"}, "daemon, drained"),
        ({**READY, "phase": "waiting"}, "daemon, waiting"),
        ({**READY, "daemon": False}, "no daemon, steady"),
        ({**READY, "alarms": [{"kind": "stuck"}]}, "daemon, steady, stuck"),
        (None, "no answer"),
    ],
)
def test_is_closed_by_one_vm_that_is_not(tmp_path: Path, status: dict[str, Any] | None, said: str) -> None:
    """One VM in an episode, without a daemon, with an alarm or silent is enough."""
    code, lines = asked(tmp_path, {"web-1": READY, "web-2": status, "web-3": READY})
    assert code == 1
    assert lines[1] == f"web-2: {said}"
    assert lines[-1] == "3 asked, 1 not ready"


def test_is_closed_where_nobody_is(tmp_path: Path) -> None:
    """An empty group is a wrong name, not a ready fleet."""
    assert asked(tmp_path, {})[0] == 1


def test_reads_what_the_sidecar_says(tmp_path: Path) -> None:
    """The members that the gate reads are those of `drainer status --json`."""
    command = [sys.executable, "-m", "drainer", "status", "--json", "--state", str(tmp_path)]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert set(READY) <= set(json.loads(said.stdout))
