"""The shipped daemon, killed at a step: `… -m tests.crash.mortal_daemon STEP before|after SETTLES_S run …`.

The first step of this name ends by SIGKILL: before it acts and after its intent was written, or after it
acted and before its outcome is. A step that is nothing but its record dies before or after that is on disk.
STEP "none" lives on. A write to an interface or a shared pool whose answer was lost may land for SETTLES_S,
not the shipped two minutes; "shipped" leaves it. All else is as shipped.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from drainer import reconcile
from drainer.azure.interface_pools import InterfacePools
from drainer.azure.shared_pool import SharedPool
from drainer.cli import main
from drainer.core.step import name_of

Act = Callable[..., Any]


def arm(step: str, when: str) -> None:
    """Let the first step of this name be the last one of this process."""
    reconcile.act = _dying(reconcile.act, 0, step, when)  # type: ignore[attr-defined]
    recorded: Act = reconcile.Reconciler._record
    reconcile.Reconciler._record = _dying(recorded, 1, step, when)  # type: ignore[method-assign]


def _dying(shipped: Act, position: int, step: str, when: str) -> Act:
    """`position`: where among its arguments the step stands."""

    def dying(*args: Any, **more: Any) -> Any:
        meant = name_of(args[position]) == step
        if meant and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        answer = shipped(*args, **more)
        if meant:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    return dying


def settle(span: str) -> None:
    """Believe that a lost write lands within so many seconds."""
    if span != "shipped":
        InterfacePools.settles_in = SharedPool.settles_in = timedelta(seconds=float(span))


if __name__ == "__main__":
    arm(sys.argv[1], sys.argv[2])
    settle(sys.argv[3])
    raise SystemExit(main(sys.argv[4:]))
