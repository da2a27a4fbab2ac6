"""docs/performance.md, made from a report."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

PAGE = """\
# Performance

Written by `make bench`, every figure beside its baseline in the same run. Ratios travel, absolutes do not:
this run was on {cores} cores with Python {python}.

## Idle: one poll a second

| | resident | CPU a poll |
|---|---|---|
{idle}

The sidecar's memory is **{memory_ratio} times** and its CPU **{cpu_ratio} times** that of a bare loop on
`http.client` with the same imports, which throws the document away. The aim is 1.25 for both. The loop alone
imports http.client and json only.

## From event to cordon

The time from an event's appearance in the document to the marker that fails the probe. Events come at random
moments of the poll's second: half a second of the median is the poll itself. The aim is a worst case of
1,050 ms.

| | events | median | worst |
|---|---|---|---|
{reaction}

The original post's own period is five minutes; its loop is run here once a second.

## Failed requests a reboot

From `drainer demo --short`: three reboots, silent and resetting in turn, clients that never retry.

| with the sidecar | without |
|---|---|
| {drained} | {control} |
"""


def write_page(report: dict[str, Any], path: Path) -> None:
    idle, failed = report["idle"], report["failed_per_reboot"]
    rows = [
        f"| {name} | {cost['resident_mb']} MB | {cost['cpu_ms_per_poll']} ms |"
        for name, cost in idle["pollers"].items()
    ]
    reaction = [
        f"| {name} | {spread['events']} | {spread['median_ms']:.0f} ms | {spread['worst_ms']:.0f} ms |"
        for name, spread in report["event_to_cordon"].items()
    ]
    page = PAGE.format(
        cores=os.cpu_count(),
        python=platform.python_version(),
        idle="\n".join(rows),
        memory_ratio=idle["memory_ratio"],
        cpu_ratio=idle["cpu_ratio"],
        reaction="\n".join(reaction),
        drained=failed["with the sidecar"],
        control=failed["without"],
    )
    path.write_text(page, encoding="utf-8")
