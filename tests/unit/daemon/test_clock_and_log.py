"""A boot of its own by another boot-id file, and what stands on every log line."""

from __future__ import annotations

import contextlib
import io
import json
import os
import select
from datetime import timedelta
from pathlib import Path

import pytest

from drainer import log as logs
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


def full_pipe() -> tuple[int, int]:
    """Its two ends; nobody has read from it, and it takes no more."""
    heard, told = os.pipe()
    os.set_blocking(told, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(told, b"-" * 4096)
    os.set_blocking(told, True)
    return heard, told


def test_a_stream_that_nobody_reads_holds_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """A full pipe costs patience once and drops lines; read again, it is told how many, and goes on whole."""
    monkeypatch.setattr(logs, "PATIENCE_S", 0.05)
    heard, told = full_pipe()
    with open(told, "w", encoding="utf-8") as stream, open(heard, "rb", buffering=0) as reader:
        writes = Log(ManualClock().now, stream)
        for _ in range(200):
            writes.info("episode.opened", text="x" * 50)
        while select.select([reader], [], [], 0)[0]:
            reader.read(1 << 16)
        writes.info("episode.closed")
        first, second = (json.loads(line) for line in reader.read(1 << 16).splitlines())
    assert (first["event"], first["lines"], second["event"]) == ("log.dropped", 200, "episode.closed")


def test_a_line_that_was_cut_off_does_not_spoil_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a pipe had room for of a long line stands on a line of its own."""
    monkeypatch.setattr(logs, "PATIENCE_S", 0.05)
    heard, told = full_pipe()
    with open(told, "w", encoding="utf-8") as stream, open(heard, "rb", buffering=0) as reader:
        writes = Log(ManualClock().now, stream)
        reader.read(4096)
        writes.info("hook.ran", output="x" * 40_000)
        left = b""
        while select.select([reader], [], [], 0)[0]:
            left += reader.read(1 << 16)
        writes.info("episode.closed")
        lines = reader.read(1 << 16).splitlines()
    assert b'"hook.ran"' in left
    assert [json.loads(line)["event"] for line in lines if line] == ["log.dropped", "episode.closed"]
