"""Calls of the management API waited for: each a while, all of them together no longer than a bound."""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic
from typing import TypeVar

from drainer.errors import Refused, Transient
from drainer.management import Arm, Failed, Json, Operation, Running, State, Succeeded

Answer = TypeVar("Answer")

CALL_S = 30.0
WRITE_S = 90.0
LONGEST_PAUSE_S = 5.0
AGAIN = frozenset({"azure-slow", "azure-throttled", "azure-locked", "azure-unavailable", "azure-token"})
"""What passes by itself."""


class Patient:
    """An Arm that is waited for. `whole_s`: so long for everything that is asked through this one."""

    def __init__(self, arm: Arm, *, whole_s: float, pause_s: float = 0.5) -> None:
        self._arm = arm
        self._ends = monotonic() + whole_s
        self._pause_s = pause_s
        self._nothing = threading.Event()

    def instance(self) -> Json:
        return self._waited(self._arm.instance, within_s=CALL_S)

    def get(self, resource_id: str) -> Json:
        return self._waited(lambda: self._arm.get(resource_id), within_s=CALL_S)

    def begin_put(self, resource_id: str, body: Json, *, if_match: str = "") -> Operation:
        return self._waited(
            lambda: self._arm.begin_put(resource_id, body, if_match=if_match), within_s=CALL_S
        )

    def put(self, resource_id: str, body: Json, *, if_match: str = "") -> None:
        """Write, and wait until it is final. Raises what Arm raises, and Refused "azure-failed"."""
        self.finish(self.begin_put(resource_id, body, if_match=if_match))

    def finish(self, operation: Operation) -> None:
        """Wait until a write that was begun is final. Raises as `put` does."""
        ends = self._bounded(WRITE_S)
        while True:
            match self.operation(operation):
                case Succeeded():
                    return
                case Failed(code=code, reason=reason):
                    raise Refused("azure-failed", f"{code}: {reason}")
                case Running() if monotonic() >= ends:
                    raise Transient("azure-slow", f"the write of {operation.resource_id} is not final yet")
                case Running():
                    self._nothing.wait(self._pause_s)

    def operation(self, operation: Operation) -> State:
        return self._waited(lambda: self._arm.operation(operation), within_s=CALL_S)

    def rest(self) -> None:
        self._arm.rest()

    def close(self) -> None:
        self._arm.close()

    def _waited(self, call: Callable[[], Answer], *, within_s: float) -> Answer:
        ends = self._bounded(within_s)
        while True:
            try:
                return call()
            except Transient as error:
                pause = self._pause_s
                if error.retry_after is not None:
                    pause = max(pause, error.retry_after.total_seconds())
                if error.kind not in AGAIN or monotonic() + pause >= ends:
                    raise
                self._nothing.wait(min(pause, LONGEST_PAUSE_S) if error.retry_after is None else pause)

    def _bounded(self, within_s: float) -> float:
        return min(monotonic() + within_s, self._ends)
