"""The journal: write ahead, fold, remember what could not be written, and never lose what still holds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drainer.clock import ManualClock
from drainer.core import wish as wishes
from drainer.core.episode import State
from drainer.core.fold import fold
from drainer.core.model import Instant, Membership, Phase, Stage, Standing
from drainer.core.record import Body, Closed, Intended, Noted, Opened, Outcome, Record, Wished
from drainer.core.step import Noting
from drainer.errors import Broken
from drainer.journal import FileStore, Journal, MemoryStore, read_lines, write_line
from drainer.journal.compaction import compacted
from drainer.journal.journal import KEEP_BYTES
from tests.world import MortalStore

GOLDEN = Path(__file__).parents[2] / "golden" / "journal" / "v1.jsonl"
OPENED = Opened(episode="e1", vm="vm1", vm_id="id-1", policy="p", terms=(), layers={"fake": None})
CORDON = Intended(step="cordon", layers={"fake": timedelta(seconds=5)})
HELD = datetime(2026, 1, 2, tzinfo=UTC)


def journal(store: MemoryStore | FileStore | None = None) -> Journal:
    return Journal(store or MemoryStore(), ManualClock())


def test_appending_folds() -> None:
    """What was appended is in the state, and in the state of the next life."""
    store = MemoryStore()
    state = journal(store).append(OPENED)
    assert state.episode is not None
    assert (state.episode.id, state.episode.vm_id) == ("e1", "id-1")
    assert journal(store).state == state


def test_no_record_no_state() -> None:
    """What could not be written is not in the state."""
    store = MortalStore()
    store.full = Broken("journal-unwritable", "full")
    kept = journal(store)
    with pytest.raises(Broken):
        kept.append(OPENED)
    assert kept.state == State()


def test_what_was_remembered_is_written_first() -> None:
    """Records that this life kept in mind go to the disk before anything newer, in order."""
    store = MortalStore()
    kept = journal(store)
    kept.append(OPENED)
    store.full = Broken("journal-unwritable", "full")
    kept.remember(Noted(what=Noting.QUIET_SINCE))
    kept.remember(CORDON)
    assert kept.unrecorded == 2
    store.full = None
    kept.append(Closed())
    assert kept.unrecorded == 0
    kinds = [type(record.body) for record in read_lines(store.lines).records]
    assert kinds == [Opened, Noted, Intended, Closed]


def test_damage_stops_writing_and_not_reading() -> None:
    """A damaged line: what else is there is read, and nothing more is written."""
    store = MemoryStore()
    journal(store).append(OPENED)
    store.lines.append("{")
    store.lines.append(write_line(Record(at=ManualClock().now(), body=CORDON)))
    kept = journal(store)
    assert kept.state.episode is not None
    assert kept.state.episode.layers["fake"].intended
    assert "line 2" in kept.broken
    with pytest.raises(Broken, match="journal-damaged"):
        kept.append(Closed())


def test_records_without_an_episode_change_nothing() -> None:
    """Folding is total: a record that makes no sense where it stands is passed over."""
    clock = ManualClock()
    alone: tuple[Body, ...] = (CORDON, Noted(what=Noting.CORDONED_AT), Closed())
    assert fold(Record(at=clock.now(), body=body) for body in alone) == State()


# --- a long journal -------------------------------------------------------------------------------


def grown(store: FileStore, kept: Journal) -> None:
    filler = Intended(step="hook", stage=Stage.DRAINED, undo=("x" * 4096,))
    for _ in range(KEEP_BYTES // 4096 + 1):
        kept.append(filler)


def test_a_long_journal_is_cut_at_close(tmp_path: Path) -> None:
    """The newest episodes stay, wishes that hold stay, and the state is the same."""
    store = FileStore(tmp_path)
    kept = journal(store)
    kept.append(Wished(wish=wishes.Skip(event_id="E9"), by="me"))
    kept.append(Wished(wish=wishes.Hold(until=HELD), by="me"))
    kept.append(OPENED)
    grown(store, kept)
    assert store.size() > KEEP_BYTES
    kept.append(Closed())
    kept.append(OPENED)
    state = kept.append(Closed())
    assert store.size() < KEEP_BYTES
    assert journal(store).state == state
    assert state.wishes.skips == {"E9"}
    assert b'"by":"me"' in (tmp_path / "journal.jsonl").read_bytes()


def test_an_open_episode_is_never_cut(tmp_path: Path) -> None:
    """However long it grows, nothing is cut before its Close."""
    store = FileStore(tmp_path)
    kept = journal(store)
    kept.append(OPENED)
    grown(store, kept)
    assert store.size() > KEEP_BYTES
    assert journal(store).state == kept.state


def test_a_journal_that_cannot_be_cut_is_only_long(tmp_path: Path) -> None:
    """Replacing fails: Close counts all the same."""
    store = FileStore(tmp_path)
    kept = journal(store)
    kept.append(OPENED)
    grown(store, kept)

    def failing(lines: object) -> None:
        raise Broken("journal-unwritable", "full")

    store.replace = failing  # type: ignore[method-assign]
    assert kept.append(Closed()).episode is None


START = ManualClock().now()
bodies = st.sampled_from(
    [
        OPENED,
        CORDON,
        Closed(),
        Noted(what=Noting.QUIET_SINCE),
        Noted(what=Noting.TERMS),
        *(
            Wished(wish=wish)
            for wish in (
                wishes.Skip(event_id="a"),
                wishes.Skip(event_id="b"),
                wishes.Ended(wish="skip", event_id="a"),
                wishes.Drain(reason="x"),
                wishes.Drain(reason="y", until=HELD),
                wishes.Ended(wish="drain"),
                wishes.Hold(until=HELD),
                wishes.Ended(wish="hold"),
                wishes.Force(),
                wishes.Ended(wish="force"),
                wishes.Restore(event_ids=("b", "c")),
                wishes.Resume(),
                wishes.Adopt(layers={"fake": None}),
            )
        ),
    ]
)


@given(story=st.lists(bodies, max_size=30), budget=st.integers(min_value=0, max_value=3000))
def test_compacting_between_episodes_never_changes_the_state(story: list[Body], budget: int) -> None:
    """Cut anywhere: the same wishes, and no episode that had been closed is opened again."""
    lines = [write_line(Record(at=at(number), body=body)) for number, body in enumerate((*story, Closed()))]
    whole = fold(read_lines(lines).records)
    assert fold(read_lines(compacted(lines, budget=budget)).records) == whole


def at(number: int) -> Instant:
    return Instant(
        wall=START.wall + timedelta(seconds=number), monotonic_s=START.monotonic_s + number, boot="boot-1"
    )


def test_nothing_to_compact() -> None:
    """No lines, or none that this release knows, are kept as they are."""
    assert compacted((), budget=0) == ()


def test_compacting_keeps_what_it_does_not_know() -> None:
    """A line of a newer release may matter to that release."""
    newer = '{"schema":2,"kind":"prophesied","at":{},"body":{}}'
    closed = write_line(Record(at=START, body=Closed()))
    assert newer in compacted([newer, closed], budget=0)


# --- a journal of this release, for ever ----------------------------------------------------------


def test_the_journal_of_the_first_schema() -> None:
    """A journal that this release wrote folds to the same state for ever."""
    loaded = read_lines(GOLDEN.read_text(encoding="ascii").splitlines())
    assert (loaded.damage, loaded.skipped, loaded.torn) == ((), 0, False)
    assert {type(record.body).__name__ for record in loaded.records} == {
        *("Opened", "Joined", "Noted", "Intended", "Finished", "Wished", "Closed")
    }
    state = fold(loaded.records)
    episode = state.episode
    assert episode is not None
    assert (episode.vm, episode.vm_id, episode.yielded, episode.failing) == ("vm1", "id-1", False, False)
    assert set(episode.terms) == {"E2", "E3"}
    assert episode.force_at == datetime(2026, 1, 1, 0, 13, tzinfo=UTC)
    assert {name: facts.intended for name, facts in episode.layers.items()} == {"probe": True, "pool": True}
    was = episode.layers["pool"].was
    assert isinstance(was, Membership)
    assert [(entry.name, entry.standing) for entry in was.entries] == [("pool", Standing.IN)]
    assert episode.cordoned_at is not None
    assert episode.quiet_since is not None
    assert episode.acknowledged == {"E2", "E3"}
    assert episode.hooks[Stage.BEFORE_RESTORE].waits == 1
    assert episode.lease.phase is Phase.REBOOTING
    assert state.wishes.skips == {"E9"}
    assert state.wishes.hold_until == datetime(2026, 1, 1, 6, tzinfo=UTC)
    assert Outcome.DENIED in {getattr(record.body, "outcome", None) for record in loaded.records}
