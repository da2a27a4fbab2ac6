"""What ends the deciding thread's wait: other threads, and signal handlers of the thread itself.

Not an Event: its lock is not reentrant. A handler that sets it while its own thread is inside it would wait
for itself, for ever. The queue's put is made for handlers (Python's library reference, queue.SimpleQueue).
"""

from __future__ import annotations

import contextlib
from queue import Empty, SimpleQueue


class Wake:
    """One waits, anybody wakes. A call that comes before the wait ends it at once."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[None] = SimpleQueue()

    def call(self) -> None:
        """From any thread, or from a signal handler."""
        self._calls.put(None)

    def wait(self, longest_s: float) -> None:
        """Until somebody calls; every call until now is answered by that."""
        with contextlib.suppress(Empty):
            self._calls.get(timeout=longest_s)
            while True:
                self._calls.get_nowait()
