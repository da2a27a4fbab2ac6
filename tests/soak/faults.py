"""Faults of the platform around the VMs: one of the management API at a time, and short storms elsewhere.

A storm at a VM's metadata or identity service is shorter than a notice: who waits sees the notice in time.
How often the management API fails changes all the time: a fault of one steady period can fall into step with
a client that reads twice before each write, and then it meets every write.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from threading import Event, Thread
from typing import Any

from drainer.demo.platform import Platform

STORM_S = 4.0
CALM_S = 6.0

MANAGEMENT: tuple[dict[str, Any], ...] = (
    {"kind": "mixed", "delay": "1s", "retry": 1},
    {"kind": "409"},
    {"kind": "412"},
    {"kind": "500"},
    {"kind": "503", "retry": 1},
    {"kind": "slow", "delay": "2s"},
    {"kind": "drop"},
    {"kind": "drop-after"},
    {"kind": "429", "retry": 1},
)

EVERY = (5, 2, 3, 4)
"""One request in so many is met."""

EVENTS = "/metadata/scheduledevents"
IDENTITY = "/metadata/identity"

STORMS: tuple[dict[str, Any], ...] = (
    {"kind": "status", "status": 503, "path": EVENTS},
    {"kind": "status", "status": 500, "path": IDENTITY},
    {"kind": "reset"},
    {"kind": "delay", "delay": "2s", "path": EVENTS},
    {"kind": "truncated", "path": EVENTS},
    {"kind": "status", "status": 429, "path": IDENTITY},
    {"kind": "empty", "path": EVENTS},
    {"kind": "html", "path": EVENTS},
    {"kind": "reset", "path": IDENTITY},
    {"kind": "status", "status": 429},
)


@dataclass(slots=True)
class Count:
    """How many faults were armed."""

    management: int = 0
    storms: int = 0


@contextlib.contextmanager
def storming(platform: Platform, vms: tuple[str, ...], count: Count) -> Iterator[None]:
    """Storms at one VM after another, and at the management API, until left; then nothing fails any more."""
    ended = Event()

    def storm() -> None:
        in_turn = zip(*map(itertools.cycle, (vms, STORMS, MANAGEMENT, EVERY)), strict=False)
        for vm, fault, management, every in in_turn:
            platform.mend_management()
            platform.break_management({**management, "every": every})
            count.management += 1
            if ended.wait(CALM_S):
                return
            platform.tell("fault", {"vm": vm, **fault})
            count.storms += 1
            ended.wait(STORM_S)
            platform.tell("mend", {"vm": vm})

    thread = Thread(target=storm, name="storms", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(timeout=30)
        platform.mend_management()
