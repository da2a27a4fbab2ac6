"""The Windows EventLog: the Application log, source "drainer", through advapi32 itself.

It needs no package and no registered source (Event Viewer then shows the text below a note that the source
is not registered; `New-EventLog -LogName Application -Source drainer` takes that note away).
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from typing import Any

from drainer.reporting.syslog import MachineLog, NoLog, one_line

SOURCE = "drainer"
EVENT_ID = 1
_TYPES = {"error": 1, "warning": 2, "info": 4}  # EVENTLOG_ERROR_TYPE, _WARNING_TYPE, _INFORMATION_TYPE

Report = Callable[[str, int, int, str], None]
"""Source, event type, event id, text. Raises OSError."""


class EventLog:
    """Writes through `report`, which alone knows Windows."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self.trouble = ""

    def write(self, level: str, message: str) -> None:
        """`level` is info, warning or error."""
        try:
            self._report(SOURCE, _TYPES.get(level, _TYPES["info"]), EVENT_ID, one_line(message))
        except OSError as error:
            self.trouble = f"EventLog: {error}"
        else:
            self.trouble = ""


def event_log() -> MachineLog:
    """The EventLog of this machine; where there is none, silence."""
    libraries: Any = getattr(ctypes, "windll", None)
    return NoLog() if libraries is None else EventLog(through(libraries.advapi32))


def through(advapi32: Any) -> Report:
    """A `Report` over the library's RegisterEventSourceW, ReportEventW and DeregisterEventSource."""
    advapi32.RegisterEventSourceW.restype = ctypes.c_void_p

    def report(source: str, event_type: int, event_id: int, text: str) -> None:
        opened = advapi32.RegisterEventSourceW(None, ctypes.c_wchar_p(source))
        if not opened:
            raise OSError(f"the source {source} could not be opened on {os.name}")
        texts = (ctypes.c_wchar_p * 1)(text)
        log = ctypes.c_void_p(opened)
        try:
            written = advapi32.ReportEventW(log, event_type, 0, event_id, None, 1, 0, texts, None)
        finally:
            advapi32.DeregisterEventSource(log)
        if not written:
            raise OSError("the event was not taken")

    return report
