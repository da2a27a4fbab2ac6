"""Lines for the machine's own log: syslog over a real socket, the EventLog over a stand-in library."""

from __future__ import annotations

import ctypes
import os
import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from drainer.reporting.eventlog import EventLog, event_log, through
from drainer.reporting.syslog import LONGEST, NoLog, Syslog, one_line, system_log


def datagrams(path: Path) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sock.bind(str(path))
    sock.settimeout(5)
    return sock


@pytest.mark.parametrize(("level", "priority"), [("info", 30), ("warning", 28), ("error", 27), ("odd", 30)])
def test_a_datagram(tmp_path: Path, level: str, priority: int) -> None:
    """A line goes to the local daemon with its facility, severity, tag and process."""
    with datagrams(tmp_path / "log") as sock:
        log = Syslog((tmp_path / "missing", tmp_path / "log"))
        log.write(level, "VM vm1: Reboot scheduled")
        assert sock.recv(4096).decode() == f"<{priority}>drainer[{os.getpid()}]: VM vm1: Reboot scheduled"
    assert log.trouble == ""


def test_a_stream(tmp_path: Path) -> None:
    """A daemon that listens on a stream is spoken to in its way."""
    received: list[bytes] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(tmp_path / "log"))
        listener.listen()
        listener.settimeout(5)

        def accept() -> None:
            sock, _ = listener.accept()
            with sock:
                received.append(sock.recv(4096))

        taking = threading.Thread(target=accept)
        taking.start()
        Syslog((tmp_path / "log",)).write("info", "one")
        taking.join(5)
    assert received == [f"<30>drainer[{os.getpid()}]: one\0".encode()]


def test_a_line_cannot_forge_another(tmp_path: Path) -> None:
    """Text from outside stays on one line of bounded length."""
    with datagrams(tmp_path / "log") as sock:
        Syslog((tmp_path / "log",)).write("info", "a\nkernel: \x1b[31mpanic\0" + "x" * 5000)
        line = sock.recv(8192)
    assert b"\n" not in line
    assert b"\x1b" not in line
    assert b"\0" not in line
    assert len(one_line("x" * 5000)) == LONGEST


def test_no_daemon(tmp_path: Path) -> None:
    """Without a daemon the line is lost, nothing raises, and the log says why until the next success."""
    log = Syslog((tmp_path / "log",))
    log.write("info", "one")
    assert "no syslog daemon listens" in log.trouble
    with datagrams(tmp_path / "log"):
        log.write("info", "two")
    assert log.trouble == ""
    log.write("info", "three")
    assert "refused" in log.trouble


def test_this_platform(monkeypatch: pytest.MonkeyPatch) -> None:
    """Linux gets syslog, a machine with neither gets silence, Windows the EventLog."""
    assert isinstance(system_log(), Syslog)
    monkeypatch.delattr(socket, "AF_UNIX")
    silent = system_log()
    silent.write("error", "nobody hears")
    assert isinstance(silent, NoLog)
    monkeypatch.setattr("sys.platform", "win32")
    assert isinstance(system_log(), NoLog)  # this machine only says that it is Windows
    monkeypatch.setattr(ctypes, "windll", Windows(Advapi32()), raising=False)
    assert isinstance(event_log(), EventLog)


class Function:
    """One function of the library: it remembers its calls."""

    def __init__(self, result: int) -> None:
        self.result = result
        self.calls: list[tuple[Any, ...]] = []

    def __call__(self, *arguments: Any) -> int:
        self.calls.append(arguments)
        return self.result


class Advapi32:
    def __init__(self, *, opened: int = 7, written: int = 1) -> None:
        self.RegisterEventSourceW = Function(opened)
        self.ReportEventW = Function(written)
        self.DeregisterEventSource = Function(1)


class Windows:
    def __init__(self, advapi32: Advapi32) -> None:
        self.advapi32 = advapi32


@pytest.mark.parametrize(("level", "event_type"), [("info", 4), ("warning", 2), ("error", 1)])
def test_an_entry_of_the_event_log(level: str, event_type: int) -> None:
    """An entry carries source, type, id 1 and its text, and its source is closed again."""
    library = Advapi32()
    log = EventLog(through(library))
    log.write(level, "Incoming\nreboot")
    (arguments,) = library.ReportEventW.calls
    assert arguments[1:4] == (event_type, 0, 1)
    assert arguments[7][0] == "Incoming reboot"
    assert library.RegisterEventSourceW.calls[0][1].value == "drainer"
    assert len(library.DeregisterEventSource.calls) == 1
    assert log.trouble == ""


@pytest.mark.parametrize(
    ("library", "trouble"),
    [(Advapi32(opened=0), "could not be opened"), (Advapi32(written=0), "was not taken")],
)
def test_an_event_log_that_fails(library: Advapi32, trouble: str) -> None:
    """An entry that is not taken is lost, raises nothing, and leaves no source open."""
    log = EventLog(through(library))
    log.write("info", "one")
    assert trouble in log.trouble
    opened = library.RegisterEventSourceW.result
    assert len(library.DeregisterEventSource.calls) == (1 if opened else 0)
