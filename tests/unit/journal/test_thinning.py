"""A step that fails again and again: few of its tries are kept, and the journal says the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drainer.clock import ManualClock
from drainer.core import wish as wishes
from drainer.core.fold import fold
from drainer.core.model import Entry, Instant, Membership, Phase, Stage, Standing
from drainer.core.record import Body, Closed, Finished, Intended, Noted, Opened, Outcome, Record, Wished
from drainer.core.step import Noting
from drainer.errors import Broken
from drainer.journal import FileStore, Journal, MemoryStore, journal, read_lines, write_line
from drainer.journal.journal import KEEP_BYTES
from drainer.journal.thinning import thinned

START = ManualClock().now()
WAS = Membership(entries=(Entry(name="vm1", standing=Standing.IN),))
OPENED = Opened(
    episode="e1", vm="vm1", vm_id="id-1", policy="p", terms=(), layers={"probe": WAS, "pool": WAS}
)
LASTS = timedelta(seconds=5)
CORDON = Intended(step="cordon", layers={"pool": LASTS})
LOST = Finished(step="cordon", outcome=Outcome.FAILED, layers=("pool",), kind="timeout", reason="no answer")


def line(body: Body, number: float, *, boot: str = "boot-1") -> str:
    moved = timedelta(seconds=number)
    at = Instant(wall=START.wall + moved, monotonic_s=START.monotonic_s + number, boot=boot)
    return write_line(Record(at=at, body=body))


def tries(count: int, *, start: int = 0) -> list[str]:
    """Cordons whose answers were lost, one a second; each reason is another."""
    return [
        line(body, start + number)
        for number in range(count)
        for body in (CORDON, replace(LOST, reason=f"try {number}"))
    ]


def test_of_tries_that_are_alike_the_first_and_the_last_stay() -> None:
    """Also where what went wrong was worded otherwise each time."""
    story = [line(OPENED, 0), *tries(500)]
    assert thinned(story) == (*story[:3], *story[-2:])


def test_the_latest_by_the_wall_clock_stays() -> None:
    """A clock that was set back: what was tried before may land for longer than what was tried last."""
    story = [*tries(5), *tries(3, start=1000), *tries(5, start=2)]
    latest = story[14:16]
    assert thinned(story) == (*story[:2], *latest, *story[-2:])


def test_tries_of_steps_that_take_turns_are_alike_each_with_its_own() -> None:
    """The lease and the cordon fail in turns: of each the first and the last stay, in order."""
    acquire = Intended(step="acquire", phase=Phase.REBOOTING, lands_for=LASTS)
    silent = Finished(step="acquire", outcome=Outcome.FAILED, phase=Phase.REBOOTING, kind="timeout")
    turn = (acquire, silent, CORDON, LOST)
    story = [line(body, number) for number in range(50) for body in turn]
    assert thinned(story) == (*story[:4], *story[-4:])


@pytest.mark.parametrize(
    "between",
    [
        line(Noted(what=Noting.TERMS), 5),
        line(CORDON, 5),
        line(LOST, 5),
        line(replace(LOST, outcome=Outcome.DONE), 5),
        '{"schema":2,"kind":"prophesied","at":{},"body":{}}',
    ],
    ids=["a note", "an intent without an answer", "an answer without an intent", "done", "a newer release's"],
)
def test_whatever_else_is_written_stays_and_parts_the_tries(between: str) -> None:
    """Tries before it and behind it are not alike: something happened."""
    story = [*tries(1), between, *tries(1, start=9)]
    assert thinned(story) == tuple(story)


def test_what_worked_and_what_is_counted_stays() -> None:
    """A step that was done, and the failures of a hook."""
    hook = Intended(step="hook", stage=Stage.DRAINED)
    failed = Finished(step="hook", outcome=Outcome.FAILED, stage=Stage.DRAINED, kind="hook-failed")
    done = Finished(step="cordon", outcome=Outcome.DONE, layers=("pool",))
    for turn in ((hook, failed), (CORDON, done)):
        story = [line(body, number) for number in range(9) for body in turn]
        assert thinned(story) == tuple(story)


def test_tries_of_two_boots_are_not_alike() -> None:
    """What was tried before a boot may land as long after that boot."""
    story = [line(body, number, boot=f"boot-{number // 2}") for number in range(4) for body in (CORDON, LOST)]
    assert thinned(story) == tuple(story)


steps = st.sampled_from(["cordon", "isolate", "restore", "acquire", "release", "publish", "hook"])
layers = st.sampled_from([("pool",), ("probe",), ("probe", "pool")])
outcomes = st.sampled_from(list(Outcome))
others = st.sampled_from(
    [
        (OPENED,),
        (Noted(what=Noting.QUIET_SINCE),),
        (Noted(what=Noting.THREAT_RETURNED),),
        (Noted(what=Noting.RETURNED, layer="pool"),),
        (Noted(what=Noting.CORDONED_AT, layers=("pool",)),),
        (Wished(wish=wishes.Adopt(layers={"pool": WAS})),),
        (CORDON,),
        (LOST,),
    ]
)


@st.composite
def a_try(draw: st.DrawFn) -> tuple[Body, ...]:
    """A step and how each of its layers was answered."""
    step = draw(steps)
    if step not in ("cordon", "isolate", "restore"):
        stage = Stage.DRAINED if step == "hook" else None
        intent = Intended(step=step, lands_for=LASTS, phase=Phase.DRAINING, stage=stage)
        return (intent, Finished(step=step, outcome=draw(outcomes), phase=Phase.DRAINING, stage=stage))
    names = draw(layers)
    again = step == "cordon" and draw(st.booleans())
    intent = Intended(step=step, layers=dict.fromkeys(names, LASTS), again=again)
    return (intent, *(Finished(step=step, outcome=draw(outcomes), layers=(name,)) for name in names))


rows = st.tuples(st.lists(a_try(), min_size=1, max_size=3), st.integers(min_value=1, max_value=6)).map(
    lambda row: [body for _ in range(row[1]) for turn in row[0] for body in turn]
)
stories = st.lists(st.one_of(rows, others.map(list)), max_size=8).map(
    lambda parts: [OPENED, *(body for part in parts for body in part)]
)


@given(story=stories, data=st.data())
def test_thinning_never_changes_what_a_journal_says(story: list[Body], data: st.DataObject) -> None:
    """Whatever was tried, answered and noted, and over boots: the same state."""
    moments = st.integers(min_value=0, max_value=20)
    at, boot, written = 0, 1, []
    for body in story:
        at += data.draw(moments)
        boot += data.draw(st.integers(min_value=0, max_value=40)) == 0
        written.append(line(body, at, boot=f"boot-{boot}"))
    kept = thinned(written)
    assert fold(read_lines(kept).records) == fold(read_lines(written).records)
    assert thinned(kept) == kept


# --- a journal that grows in an open episode ------------------------------------------------------


class Crowded(MemoryStore):
    """Where there is room for a record, and none for a copy of the journal while it is `crowded`."""

    def __init__(self) -> None:
        super().__init__()
        self.crowded = True
        self.tried = 0

    def replace(self, lines: Sequence[str]) -> None:
        self.tried += 1
        if self.crowded:
            raise Broken("journal-unwritable", "full")
        super().replace(lines)


def failing(kept: Journal, clock: ManualClock, times: int) -> None:
    for number in range(times):
        kept.append(CORDON)
        clock.advance(timedelta(seconds=1))
        kept.append(replace(LOST, reason=f"try {number}" + "x" * 2000))


def test_a_step_that_fails_for_days_does_not_fill_the_disk(tmp_path: Path) -> None:
    """The journal stays of bounded size, and says the same to the next life."""
    clock, store = ManualClock(), FileStore(tmp_path)
    kept = Journal(store, clock)
    kept.append(OPENED)
    largest = 0
    for _ in range(200):
        failing(kept, clock, 10)
        largest = max(largest, store.size())
    assert KEEP_BYTES // 2 < largest < 2 * KEEP_BYTES
    assert Journal(store, clock).state == kept.state


def test_a_long_outage_is_history_like_any_other() -> None:
    """At its Close the episode is thinned before anything is cut off: it stays, and the one before it."""
    clock, store = ManualClock(), Crowded()
    kept = Journal(store, clock)
    for name, times in (("before", 1), ("long", 1000)):
        kept.append(replace(OPENED, episode=name))
        failing(kept, clock, times)
        store.crowded = name == "before"
        kept.append(Closed())
    bodies = [record.body for record in read_lines(store.load()).records]
    assert [body.episode for body in bodies if isinstance(body, Opened)] == ["before", "long"]
    assert store.size() < KEEP_BYTES // 10


def test_a_journal_that_cannot_be_thinned_is_only_long() -> None:
    """It is tried again once it has grown by half as much; nothing that was recorded is lost."""
    clock, store = ManualClock(), Crowded()
    kept = Journal(store, clock)
    kept.append(OPENED)
    failing(kept, clock, 1000)
    assert store.size() > 2 * KEEP_BYTES
    assert 2 <= store.tried <= 4
    assert Journal(store, clock).state == kept.state


def test_a_journal_that_would_say_less_is_only_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock is set back between a cordon and a restore: one of the cordons may land for longest."""
    monkeypatch.setattr(journal, "KEEP_BYTES", 0)
    clock, store = ManualClock(), MemoryStore()
    kept = Journal(store, clock)
    kept.append(OPENED)
    for set_by, step in ((0, "cordon"), (1, "cordon"), (-1, "restore"), (2, "cordon")):
        clock.step_wall(timedelta(seconds=set_by))
        kept.append(Intended(step=step, layers={"pool": LASTS}))
        kept.append(Finished(step=step, outcome=Outcome.PENDING, layers=("pool",)))
        assert Journal(store, clock).state == kept.state
    assert len(thinned(store.lines)) < len(store.lines) == 9


def test_what_is_only_remembered_is_not_lost_by_thinning() -> None:
    """A disk that takes nothing for a while: the journal on it says less than this life knows, and stays."""
    clock, store = ManualClock(), MemoryStore()
    kept = Journal(store, clock)
    kept.append(OPENED)
    kept.remember(Noted(what=Noting.QUIET_SINCE))
    failing(kept, clock, 1000)
    assert Journal(store, clock).state == kept.state
    assert kept.state.episode is not None
    assert kept.state.episode.quiet_since is not None
