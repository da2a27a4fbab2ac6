"""The machine's own log, and syslog behind it: one datagram to the local daemon, as RFC 3164 has it.

`system_log` picks the log of the platform. A line that cannot be written is lost and never raises: whoever
cares looks at `trouble`. It must not know what the lines mean.
"""

from __future__ import annotations

import errno
import os
import socket
import sys
from pathlib import Path
from typing import Protocol

DEVICES = (Path("/dev/log"), Path("/var/run/syslog"))  # Linux; macOS, for whoever tries drainer there
TAG = "drainer"
LONGEST = 2000
"""Characters of a line: some syslog daemons cut at 2048 bytes."""

_DAEMON_FACILITY = 3 << 3
_SEVERITIES = {"error": 3, "warning": 4, "info": 6}
_TIMEOUT_S = 1.0


class MachineLog(Protocol):
    """A `SystemLog` that says what became of the last line."""

    trouble: str
    """Why the last line was not written; "" when it was."""

    def write(self, level: str, message: str) -> None: ...


class Syslog:
    """Speaks to the local syslog daemon (or journald) at the first of `devices` that exists."""

    def __init__(self, devices: tuple[Path, ...] = DEVICES) -> None:
        self._devices = devices
        self.trouble = ""

    def write(self, level: str, message: str) -> None:
        """`level` is info, warning or error; anything that does not fit a line is replaced."""
        priority = _DAEMON_FACILITY | _SEVERITIES.get(level, _SEVERITIES["info"])
        line = f"<{priority}>{TAG}[{os.getpid()}]: {one_line(message)}"
        try:
            _send(self._device(), line.encode("utf-8", "replace"))
        except OSError as error:
            self.trouble = f"syslog: {error}"
        else:
            self.trouble = ""

    def _device(self) -> str:
        for device in self._devices:
            if device.exists():
                return str(device)
        raise FileNotFoundError(errno.ENOENT, "no syslog daemon listens", str(self._devices[0]))


class NoLog:
    """A machine without a log that drainer knows: lines go nowhere, silently."""

    trouble = ""

    def write(self, level: str, message: str) -> None:
        """Nothing."""


def system_log() -> MachineLog:
    """The log of this platform."""
    if sys.platform == "win32":
        from drainer.reporting.eventlog import event_log

        return event_log()
    return Syslog() if hasattr(socket, "AF_UNIX") else NoLog()


def one_line(message: str) -> str:
    """The message on one line, without control characters, so that no text from outside forges a line."""
    return "".join(c if c.isprintable() else " " for c in message)[:LONGEST]


def _send(device: str, line: bytes) -> None:
    """As a datagram, as nearly every daemon takes it; else as a stream, whose lines end in NUL."""
    try:
        _send_as(socket.SOCK_DGRAM, device, line)
    except OSError as error:
        if error.errno != errno.EPROTOTYPE:
            raise
        _send_as(socket.SOCK_STREAM, device, line + b"\0")


def _send_as(kind: socket.SocketKind, device: str, line: bytes) -> None:
    with socket.socket(socket.AF_UNIX, kind) as sock:
        sock.settimeout(_TIMEOUT_S)
        sock.connect(device)
        sock.sendall(line)
