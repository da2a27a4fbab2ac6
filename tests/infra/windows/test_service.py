"""The Windows service over a framework that stands for pywin32's, with real children."""

from __future__ import annotations

import sys
import threading
from typing import Any

import pytest

from drainer import service
from tests.until import until

LASTING = (sys.executable, "-c", "import threading; threading.Event().wait()")
FAILING = (sys.executable, "-c", "raise SystemExit(78)")


class Framework:
    """What pywin32 gives a service: a place to say its state."""

    def __init__(self, arguments: Any) -> None:
        self.states: list[int] = []

    def ReportServiceStatus(self, state: int) -> None:
        self.states.append(state)


def test_a_stop_ends_the_child_and_the_service() -> None:
    """From another thread, as the service manager asks."""
    told: list[str] = []
    one: Any = service.service_class(Framework, told.append, LASTING)(["drainer"])
    running = threading.Thread(target=one.SvcDoRun)
    running.start()
    one.SvcStop()
    running.join(60)
    assert not running.is_alive()
    assert one.states == [service.STOP_PENDING]
    assert told == []


def test_a_child_that_fails_fails_the_service() -> None:
    """With its code, so that the service manager's recovery starts it anew, and the EventLog says so."""
    told: list[str] = []
    one: Any = service.service_class(Framework, told.append, FAILING)(["drainer"])
    with pytest.raises(SystemExit) as ended:
        one.SvcDoRun()
    assert ended.value.code == 78
    assert "ended with 78" in told[0]


def test_the_child_is_killed_for_good() -> None:
    """It does not outlive the keeper's word."""
    keeper = service.Keeper((sys.executable, "-c", "import signal, threading; threading.Event().wait()"))
    codes: list[int] = []
    running = threading.Thread(target=lambda: codes.append(keeper.keep()))
    running.start()
    keeper.stop()
    until(lambda: codes == [0], "the keeper")


def test_without_pywin32_it_says_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    """And names the extra that brings it."""
    assert service.main() == 1
    assert "drainer[windows]" in capsys.readouterr().err
    with pytest.raises(AttributeError):
        _ = service.nothing_of_this_name
