"""The one-second poll in a thread of its own: it keeps the newest document and wakes the deciding thread.

A read may take minutes (the first one), so nothing waits for it. It decides nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

from drainer.core.model import AckAnswer, Document, Unreadable, elapsed
from drainer.errors import DrainerError
from drainer.ports import Clock, EventFeed

EVERY = timedelta(seconds=1)
STALE_AFTER = timedelta(seconds=15)
"""A document older than this is not believed any more, whatever the poll is doing."""

ENABLING = Unreadable(kind="enabling", reason="no answer yet; the first one may take two minutes")


class Poller:
    """An `act.Feed`. `changed` is called when something differs from the last read."""

    def __init__(self, feed: EventFeed, clock: Clock, *, changed: Callable[[], None]) -> None:
        self._feed = feed
        self._clock = clock
        self._changed = changed
        self._turn = threading.Lock()
        self._latest: Document | Unreadable = ENABLING
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._poll, name="poll", daemon=True)
        self.reads = 0
        self.failures: dict[str, int] = {}

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end; it is not waited for, since a read may be under way."""
        self._stopping.set()

    def latest(self) -> Document | Unreadable:
        latest = self._latest
        if isinstance(latest, Document) and elapsed(latest.read_at, self._clock.now()) > STALE_AFTER:
            return Unreadable(kind="stale", reason=f"the newest document was read at {latest.read_at.wall}")
        return latest

    def acknowledge(self, event_id: str) -> AckAnswer:
        """Between two polls, on the same source. Raises what the source raises."""
        with self._turn:
            return self._feed.acknowledge(event_id)

    def _poll(self) -> None:
        while not self._stopping.is_set():
            began = self._clock.now()
            with self._turn:
                self._take(self._observed())
            took = elapsed(began, self._clock.now())
            self._stopping.wait(max(0.0, (EVERY - took).total_seconds()))
        self._feed.close()

    def _observed(self) -> Document | Unreadable:
        try:
            return self._feed.observe()
        except DrainerError as error:
            return Unreadable(kind=error.kind, reason=error.reason)
        except Exception as error:  # noqa: BLE001  a bug in a source must read as blind, never as silence
            return Unreadable(kind="bug", reason=f"{type(error).__name__}: {error}")

    def _take(self, read: Document | Unreadable) -> None:
        before, self._latest = self._latest, read
        self.reads += 1
        if isinstance(read, Unreadable):
            self.failures[read.kind] = self.failures.get(read.kind, 0) + 1
        if _differs(before, read):
            self._changed()


def _differs(before: Document | Unreadable, now: Document | Unreadable) -> bool:
    if isinstance(before, Unreadable) or isinstance(now, Unreadable):
        return before != now
    if before.events is not now.events and before.events != now.events:
        return True
    return before.vm != now.vm or before.footing is not now.footing
