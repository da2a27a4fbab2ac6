"""What whoever supervises the daemon is told, as sd_notify(3) has it: ready, a status line, alive, stopping.

One datagram a word on the socket that NOTIFY_SOCKET names; without that variable nothing is told, and nothing
that goes wrong here reaches the caller: the supervisor's own time limits judge silence.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Mapping
from time import monotonic

FEED_EVERY_S = 1.0
"""Between two words of life: they are cheap, and a wait that feeds looks often."""

LONGEST_STATUS = 400


class Supervisor:
    """Used by the deciding thread alone: fed from anywhere else, a thread that hangs would look alive."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._address = _address(environ.get("NOTIFY_SOCKET", ""))
        self._status = ""
        self._fed_at = float("-inf")

    def ready(self) -> None:
        self._tell("READY=1")

    def stopping(self) -> None:
        self._tell("STOPPING=1")

    def alive(self) -> None:
        """Feed the watchdog; as often as one likes."""
        if monotonic() - self._fed_at >= FEED_EVERY_S:
            self._fed_at = monotonic()
            self._tell("WATCHDOG=1")

    def status(self, line: str) -> None:
        """The one line that `systemctl status` shows; told when it changed."""
        if line != self._status:
            self._status = line
            self._tell(f"STATUS={' '.join(line.split())[:LONGEST_STATUS]}")

    def _tell(self, word: str) -> None:
        if not self._address:
            return
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
            told.setblocking(False)  # one that does not listen must not hold the deciding thread
            told.sendto(word.encode(), self._address)


def _address(stated: str) -> str:
    """A path, or, written with @, an abstract name. Anything else is nobody (sd_notify(3))."""
    if not hasattr(socket, "AF_UNIX") or not stated.startswith(("/", "@")):
        return ""
    return f"\0{stated[1:]}" if stated.startswith("@") else stated
