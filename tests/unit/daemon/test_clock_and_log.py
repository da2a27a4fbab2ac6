"""A boot of its own by another boot-id file, and what stands on every log line."""

from __future__ import annotations

import io
import json
import os
from datetime import timedelta
from pathlib import Path

from drainer.clock import ManualClock, SystemClock
from drainer.log import Log


def test_another_boot_id_file_is_another_boot(tmp_path: Path) -> None:
    """A boot that is told by a file of its own began when that file was written, not when the host booted."""
    boot = tmp_path / "boot_id"
    boot.write_text("boot-1\n", encoding="ascii")
    young = SystemClock(boot)
    assert timedelta(0) <= young.uptime() < timedelta(minutes=1)
    assert young.now().boot == "boot-1"
    an_hour_ago = boot.stat().st_mtime - 3600
    os.utime(boot, (an_hour_ago, an_hour_ago))
    assert SystemClock(boot).uptime() <= SystemClock().uptime()


def test_what_is_always_said_stands_on_every_line() -> None:
    """A dry run's lines cannot be taken for a live run's."""
    stream = io.StringIO()
    log = Log(ManualClock().now, stream, always={"dry_run": True})
    log.info("cordon.done", layers=["fake"])
    assert json.loads(stream.getvalue())["dry_run"] is True
