"""Which lines of a long journal are worth keeping: the newest episodes, and every wish that still holds.

Only ever asked between two episodes. What this release does not know it keeps, whoever wrote it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from drainer.core import wish as wishes
from drainer.core.episode import Wishes
from drainer.core.fold import fold
from drainer.core.record import Opened, Record, Wished
from drainer.journal.lines import known, write_line


def compacted(lines: Sequence[str], *, budget: int) -> tuple[str, ...]:
    """The lines to keep: of the newest episodes as many as fit into `budget` bytes, and what holds still.

    Raises ValueError for a line that nobody can read: nothing is cut then.
    """
    records = tuple(known(line) for line in lines)
    held = fold(record for record in records if record is not None).wishes
    cut = _cut(lines, records, budget)
    older = tuple(zip(lines[:cut], records[:cut], strict=True))
    kept = tuple(line for line, record in older if record is None or _holds(record, held))
    return (*_skips_told_otherwise(older, held), *kept, *lines[cut:])


def _skips_told_otherwise(older: Iterable[tuple[str, Record | None]], held: Wishes) -> tuple[str, ...]:
    """Skips that no line of their own says: a wish to restore or a hook's abort brought them about."""
    records = [record for _, record in older if record is not None]
    if not records:
        return ()
    asked = (record.body.wish for record in records if isinstance(record.body, Wished))
    told = {wish.event_id for wish in asked if isinstance(wish, wishes.Skip)}
    return tuple(
        write_line(Record(at=records[-1].at, body=Wished(wish=wishes.Skip(event_id=event_id), by="drainer")))
        for event_id in sorted(held.skips - told)
    )


def _cut(lines: Sequence[str], records: Sequence[Record | None], budget: int) -> int:
    """Where the newest lines begin that fit: at an Opened, or at the end where none does."""
    cut, size = len(lines), 0
    for number in range(len(lines) - 1, -1, -1):
        size += len(lines[number].encode()) + 1
        if size > budget:
            break
        record = records[number]
        if record is not None and isinstance(record.body, Opened):
            cut = number
    return cut


def _holds(record: Record, held: Wishes) -> bool:
    if not isinstance(record.body, Wished):
        return False
    match record.body.wish:
        case wishes.Drain() as drain:
            return drain == held.drain and record.at == held.drain_since
        case wishes.Skip(event_id=event_id):
            return event_id in held.skips
        case wishes.Hold(until=until):
            return until == held.hold_until
        case _:
            return False
