"""Which tries of a step that fails again and again are worth keeping: a day of them is a hundred thousand.

Of tries that are alike, with nothing else between them, three are kept: the first, the last, and the latest
by the wall clock, after which a write whose answer was lost may land for longest. What this release does not
know is kept, and so is every run of a hook: they are counted.

A clock that was set back among tries of several steps can make the rest say less than the whole: whoever puts
it in the place of the whole compares the two first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby

from drainer.core.record import Finished, Intended, Outcome, Record
from drainer.journal.lines import known


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """A step that did not work: its intent and its outcomes. `shape`: what tries that are alike share."""

    lines: tuple[str, ...]
    shape: tuple[str, ...]
    at: datetime


def thinned(lines: Sequence[str]) -> tuple[str, ...]:
    """The lines that are worth keeping, in order. Raises ValueError for one that nobody can read."""
    kept: list[str] = []
    for _, parts in groupby(_parts(lines), key=type):
        tries: list[Try] = []
        for part in parts:
            if isinstance(part, Try):
                tries.append(part)
            else:
                kept.append(part)
        kept += _worth_keeping(tries)
    return tuple(kept)


def _worth_keeping(tries: Sequence[Try]) -> Iterator[str]:
    alike: dict[tuple[str, ...], list[int]] = {}
    for number, tried in enumerate(tries):
        alike.setdefault(tried.shape, []).append(number)
    keep = {
        number
        for numbers in alike.values()
        for number in (numbers[0], max(numbers, key=lambda number: tries[number].at), numbers[-1])
    }
    for number in sorted(keep):
        yield from tries[number].lines


def _parts(lines: Sequence[str]) -> Iterator[Try | str]:
    """Tries, and every other line for itself."""
    records = [known(line) for line in lines]
    number = 0
    while number < len(lines):
        end = _end_of_try(records, number)
        tried = _try(lines[number:end], records[number:end])
        if tried is None:
            yield from lines[number:end]
        else:
            yield tried
        number = end


def _end_of_try(records: Sequence[Record | None], number: int) -> int:
    """Behind the outcomes of the intent at `number`; behind any other record."""
    begun, end = records[number], number + 1
    if begun is not None and isinstance(begun.body, Intended):
        while end < len(records) and _outcome(records[end], begun.body.step) is not None:
            end += 1
    return end


def _outcome(record: Record | None, step: str) -> Finished | None:
    body = None if record is None else record.body
    return body if isinstance(body, Finished) and body.step == step else None


def _try(lines: Sequence[str], records: Sequence[Record | None]) -> Try | None:
    """None: not to be thinned. One that worked, a hook, an intent without an answer, or no intent at all."""
    begun = records[0]
    if begun is None or not isinstance(begun.body, Intended) or begun.body.step == "hook":
        return None
    outcomes = [outcome for record in records[1:] if (outcome := _outcome(record, begun.body.step))]
    if all(outcome.outcome is Outcome.DONE for outcome in outcomes):
        return None
    answers = (repr(replace(outcome, kind="", reason="")) for outcome in outcomes)
    return Try(lines=tuple(lines), shape=(begun.at.boot, repr(begun.body), *answers), at=begun.at.wall)
