"""The daemon as a Windows service: the service manager asks, `drainer run` is a child that is kept and ended.

A stop kills the child: the journal is made for that, and nothing of the VM's membership is touched. A child
that ends by itself ends the service with its code, and the service manager's recovery starts it anew.
Only this file knows pywin32. It was not run on Windows; the tests drive it with a framework of their own.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from threading import Event
from typing import Any

from drainer.cli import exits
from drainer.machine import THIS

COMMAND = (sys.executable, "-P", "-m", "drainer", "run")
"""Its settings come from the machine's environment: DRAINER_POLICY and the like."""

NAME = "drainer"
LOOK_EVERY_S = 0.2
STOP_PENDING = 3  # SERVICE_STOP_PENDING


class Keeper:
    """Keeps one child until it is told to stop."""

    def __init__(self, command: tuple[str, ...]) -> None:
        self._command = command
        self._told = Event()

    def stop(self) -> None:
        """From any thread."""
        self._told.set()

    def keep(self) -> int:
        """Returns when told to stop (0), or with the code of a child that ended by itself. Raises OSError."""
        child = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, start_new_session=True)
        while not self._told.wait(LOOK_EVERY_S):
            if child.poll() is not None:
                return child.returncode
        THIS.end(child.pid)
        child.wait()
        return exits.OK


def service_class(framework: Any, report: Callable[[str], None], command: tuple[str, ...] = COMMAND) -> type:
    """A service for pywin32's `ServiceFramework`, which calls SvcDoRun and, from another thread, SvcStop."""

    class DrainerService(framework):  # type: ignore[misc]
        _svc_name_ = NAME
        _svc_display_name_ = "drainer"
        _svc_description_ = "Takes this VM out of its load balancer before a maintenance, and puts it back."

        def __init__(self, arguments: Any) -> None:
            super().__init__(arguments)
            self._keeper = Keeper(command)

        def SvcStop(self) -> None:
            self.ReportServiceStatus(STOP_PENDING)
            self._keeper.stop()

        def SvcDoRun(self) -> None:
            code = self._keeper.keep()
            if code != exits.OK:
                report(f"drainer run ended with {code}; `drainer status` and its log say why")
                raise SystemExit(code)

    DrainerService.__module__, DrainerService.__qualname__ = __name__, "DrainerService"
    return DrainerService


def __getattr__(name: str) -> Any:
    """`DrainerService`, which pywin32 looks up by its name, once somebody asks for it."""
    if name != "DrainerService":
        raise AttributeError(name)
    return service_class(import_module("win32serviceutil").ServiceFramework, _reported)


def _reported(text: str) -> None:
    from drainer.reporting.syslog import system_log

    system_log().write("error", text)


def main() -> int:
    """`python -m drainer.service install|start|stop|remove`."""
    try:
        pywin32 = import_module("win32serviceutil")
    except ImportError:
        print("drainer: a Windows service needs pywin32: pip install 'drainer[windows]'", file=sys.stderr)
        return exits.FAILED
    code: int = pywin32.HandleCommandLine(__getattr__("DrainerService"))
    return code or exits.OK


if __name__ == "__main__":
    raise SystemExit(main())
