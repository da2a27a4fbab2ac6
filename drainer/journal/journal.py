"""The journal as the reconciler uses it: append a body, have the state after it.

It stamps records with the clock and keeps the folded state. What it could not write it remembers for
this life, and writes it before anything newer once it can.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from drainer.core.episode import State
from drainer.core.fold import after, fold
from drainer.core.record import Body, Closed, Finished, Opened, Record
from drainer.errors import Broken
from drainer.journal.compaction import compacted
from drainer.journal.lines import Loaded, read_lines, write_line
from drainer.journal.thinning import thinned
from drainer.ports import Clock, Store

KEEP_BYTES = 1024 * 1024
"""A journal longer than this is thinned, and at the next Close cut down to its newest half."""

MOST_REMEMBERED = 1000


class Journal:
    """Records in order, and the state they fold to. `broken`: why nothing may be appended any more.

    `unready`: why, when that was last looked at, the records were not there, or no episode could be recorded.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        """Raises Broken kind "journal-unreadable" where the store cannot be read."""
        self._store = store
        self._clock = clock
        self.loaded: Loaded = read_lines(store.load(), complete=store.complete)
        self.state: State = fold(self.loaded.records)
        self.broken = _damage(self.loaded)
        self.unready = ""
        self._remembered: deque[str] = deque(maxlen=MOST_REMEMBERED)
        self._long = KEEP_BYTES

    @property
    def unrecorded(self) -> int:
        """Records that this life remembers and the store does not hold."""
        return len(self._remembered)

    def append(self, body: Body) -> State:
        """Write ahead, then fold. Raises Broken: nothing was recorded, so nothing may be done."""
        if self.broken:
            raise Broken("journal-damaged", self.broken)
        if isinstance(body, Opened):
            self._store.reserve()
        record = Record(at=self._clock.now(), body=body)
        self._write_remembered()
        self._store.append(write_line(record))
        self.state = after(self.state, record)
        if isinstance(body, Closed):
            self._compact()
        elif isinstance(body, Finished):
            self._thin()
        return self.state

    def remember(self, body: Body) -> State:
        """Fold what could not be appended: for giving back what we took, which must not wait for a disk."""
        record = Record(at=self._clock.now(), body=body)
        self._remembered.append(write_line(record))
        self.state = after(self.state, record)
        return self.state

    def keep_ready(self) -> None:
        """See that the records are there, and, between two episodes, that the next one could be recorded."""
        if self.broken:
            return
        try:
            self._store.keep()
            if self.state.episode is None:
                self._store.reserve()
        except Broken as error:
            self.unready = error.reason
        else:
            self.unready = ""

    def _write_remembered(self) -> None:
        while self._remembered:
            self._store.append(self._remembered[0])
            self._remembered.popleft()

    def _compact(self) -> None:
        """Cut a long journal down. One that cannot be cut is only long: the next Close tries again."""
        if self._store.size() > KEEP_BYTES:
            self._replace(lambda lines: compacted(thinned(lines), budget=KEEP_BYTES // 2))
        self._long = KEEP_BYTES

    def _thin(self) -> None:
        """In an open episode: a step that fails for days must not fill the disk, nor make a start slow."""
        if self._store.size() > self._long:
            self._replace(thinned)
            self._long = self._store.size() + KEEP_BYTES // 2

    def _replace(self, kept_of: Callable[[Sequence[str]], Sequence[str]]) -> None:
        try:
            kept = kept_of(self._store.load())
            if fold(read_lines(kept).records) == self.state:
                self._store.replace(kept)
        except (Broken, ValueError):
            return


def _damage(loaded: Loaded) -> str:
    if not loaded.damage:
        return ""
    number, reason = loaded.damage[0]
    return f"line {number} of the journal cannot be read ({reason}); {len(loaded.damage)} such in all"
