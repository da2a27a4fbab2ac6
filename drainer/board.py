"""Where the deciding thread and its listeners meet: the newest tick to look at, wishes to hand in.

Listeners read an immutable snapshot and decide nothing. A wish is granted only once it is journalled.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from drainer.core.episode import State
from drainer.core.model import Document, Unreadable
from drainer.core.wish import Wish
from drainer.errors import DrainerError, Transient
from drainer.reconcile import Tick

HAND_IN_TIMEOUT = timedelta(seconds=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """Something a person should look at. `kind` is short, stable, bounded; `reason` is for people."""

    kind: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What the daemon knew at its last tick.

    `tick` None: it has not ticked yet. What is known even so: the journal's `state`, and of the `document`
    whether it can be read (None: not asked for yet).
    """

    tick: Tick | None = None
    state: State = field(default_factory=State)
    document: Document | Unreadable | None = None
    alarms: tuple[Alarm, ...] = ()
    vm: str = ""
    policy: str = ""
    counters: dict[str, float] = field(default_factory=dict)


class Board:
    """Thread-safe. One writer (the deciding thread), any number of readers."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._lock = threading.Lock()
        self._snapshot = Snapshot()
        self._wishes: deque[_HandedIn] = deque()

    def show(self, snapshot: Snapshot) -> None:
        with self._lock:
            self._snapshot = snapshot

    @property
    def snapshot(self) -> Snapshot:
        with self._lock:
            return self._snapshot

    def hand_in(self, wish: Wish, *, by: str) -> None:
        """Give a wish to the deciding thread and wait until it is journalled.

        Raises Broken (it could not be recorded, so it is not granted) or Transient kind "daemon-busy".
        """
        handed = _HandedIn(wish=wish, by=by)
        with self._lock:
            self._wishes.append(handed)
        self._wake()
        if not handed.answered.wait(HAND_IN_TIMEOUT.total_seconds()):
            raise Transient("daemon-busy", "the daemon did not take the wish in time; it still may")
        if handed.error is not None:
            raise handed.error

    def take_wishes(self, grant: Callable[[Wish, str], None]) -> None:
        """The deciding thread's side: grant every wish handed in so far, each answered by itself."""
        while True:
            with self._lock:
                if not self._wishes:
                    return
                handed = self._wishes.popleft()
            try:
                grant(handed.wish, handed.by)
            except DrainerError as error:
                handed.error = error
            handed.answered.set()


@dataclass(slots=True, kw_only=True)
class _HandedIn:
    wish: Wish
    by: str
    answered: threading.Event = field(default_factory=threading.Event)
    error: DrainerError | None = None
