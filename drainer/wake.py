"""What ends the deciding thread's wait: other threads, signals, and the handlers of signals.

Bytes on a socket, not a lock. A handler runs between two steps of its own thread: it must not take a lock
that the thread may hold, and it does not run at all while that thread is inside a call that a signal just
missed. So the byte of a signal is written as it arrives (signal.set_wakeup_fd), before any Python runs.
"""

from __future__ import annotations

import contextlib
import select
import signal
import socket
import weakref


class Wake:
    """One waits, anybody wakes. A call that comes before the wait ends it at once."""

    def __init__(self) -> None:
        self._heard, self._told = socket.socketpair()
        for end in (self._heard, self._told):
            end.setblocking(False)
        weakref.finalize(self, _close, self._heard, self._told)

    def call(self) -> None:
        """From any thread, or from a signal handler."""
        with contextlib.suppress(BlockingIOError):  # full of calls that nobody has answered yet
            self._told.send(b"\0")

    def hear_signals(self) -> None:
        """From now on a signal that has a handler ends the wait too. Of the main thread only."""
        signal.set_wakeup_fd(self._told.fileno(), warn_on_full_buffer=False)

    def ignore_signals(self) -> None:
        """No longer; before the end of what waits."""
        signal.set_wakeup_fd(-1)

    def wait(self, longest_s: float) -> None:
        """Until somebody calls; every call until now is answered by that."""
        select.select([self._heard], [], [], longest_s)
        with contextlib.suppress(BlockingIOError):
            while self._heard.recv(4096):
                pass


def _close(*ends: socket.socket) -> None:
    for end in ends:
        end.close()
