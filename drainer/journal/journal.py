"""The journal as the reconciler uses it: append a body, have the state after it.

It stamps records with the clock, keeps the folded state, and compacts closed episodes away.
"""

from __future__ import annotations

from drainer.core.episode import State, after, fold
from drainer.core.record import Body, Closed, Opened, Record
from drainer.errors import Broken
from drainer.journal.lines import Loaded, read_lines, write_line
from drainer.ports import Clock, Store

KEEP_BYTES = 1024 * 1024
"""A journal longer than this is cut down to its newest half at the next Close."""


class Journal:
    """Records in order, and the state they fold to. `broken`: why nothing may be appended any more."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self.loaded: Loaded = read_lines(store.load(), complete=store.complete)
        self.state: State = fold(self.loaded.records)
        self.broken = _damage(self.loaded)
        self.unrecorded = 0

    def append(self, body: Body) -> State:
        """Write ahead, then fold. Raises Broken: nothing was recorded, so nothing may be done."""
        if self.broken:
            raise Broken("journal-damaged", self.broken)
        if isinstance(body, Opened):
            self._store.reserve()
        record = Record(at=self._clock.now(), body=body)
        self._store.append(write_line(record))
        self.state = after(self.state, record)
        if isinstance(body, Closed):
            self._compact()
        return self.state

    def append_or_remember(self, body: Body) -> bool:
        """The same, but where it cannot be written remember it in this life only; whether it was written.

        For giving back what we took, which must not wait for a disk.
        """
        try:
            self.append(body)
        except Broken:
            self.state = after(self.state, Record(at=self._clock.now(), body=body))
            self.unrecorded += 1
            return False
        return True

    def _compact(self) -> None:
        if self._store.size() <= KEEP_BYTES:
            return
        lines = list(self._store.load())
        self._store.replace(_newest_episodes(lines, KEEP_BYTES // 2))


def _newest_episodes(lines: list[str], budget: int) -> list[str]:
    """The newest lines that fit, beginning at a line that opens an episode or stands outside one.

    Wishes that still hold are older than any cut could know, so every wish is kept.
    """
    kept: list[str] = []
    size = 0
    for line in reversed(lines):
        size += len(line) + 1
        if size > budget:
            break
        kept.append(line)
    kept.reverse()
    while kept and '"kind":"opened"' not in kept[0]:
        kept.pop(0)
    older = lines[: len(lines) - len(kept)]
    return [line for line in older if '"kind":"wished"' in line] + kept


def _damage(loaded: Loaded) -> str:
    if not loaded.damage:
        return ""
    number, reason = loaded.damage[0]
    return f"line {number} of the journal cannot be read ({reason}); {len(loaded.damage)} such in all"
