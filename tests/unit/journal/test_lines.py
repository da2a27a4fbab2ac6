"""Records as lines: round trip, damage told from newer releases, torn from damaged."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drainer.core import record as records
from drainer.core import wish as wishes
from drainer.core.codec import decode, encode
from drainer.core.model import Entry, Instant, Membership, Phase, Stage, Standing
from drainer.core.policy import Acknowledge
from drainer.core.record import Body, Closed, Noted, Record, Terms
from drainer.core.step import Noting
from drainer.journal import read_lines, write_line
from drainer.journal.lines import Unknown, read_line

NOW = Instant(wall=datetime(2026, 1, 1, tzinfo=UTC), monotonic_s=1.5, boot="boot-1")

texts = st.text(max_size=20)
instants = st.builds(
    Instant,
    wall=st.datetimes(timezones=st.just(UTC)),
    monotonic_s=st.floats(min_value=0, max_value=1e9),
    boot=texts,
)
spans = st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=365))
moments = st.none() | st.datetimes(timezones=st.just(UTC))
entries = st.builds(
    Entry,
    name=texts,
    standing=st.sampled_from([Standing.OUT, Standing.LEAVING]),
    isolated=st.booleans(),
    detail=texts,
) | st.builds(Entry, name=texts, standing=st.just(Standing.IN), detail=texts)
memberships = st.builds(
    Membership,
    entries=st.lists(entries, max_size=3, unique_by=lambda e: e.name).map(tuple),
    generation=texts,
)
terms = st.builds(
    Terms,
    event_id=texts,
    type=texts,
    source=texts,
    since=instants,
    started=st.booleans(),
    force_at=moments,
    not_before=moments,
    force=spans,
    drain_timeout=spans,
    quiet_for=spans,
    settle=spans,
    acknowledge=st.sampled_from(Acknowledge),
    use_budget=st.booleans(),
    siblings=st.lists(texts, max_size=2).map(tuple),
)
listed = st.lists(terms, max_size=2).map(tuple)
layers = st.dictionaries(texts, st.none() | memberships, max_size=2)
asked = (
    st.builds(wishes.Drain, reason=texts, until=moments)
    | st.builds(wishes.Skip, event_id=texts, why=texts)
    | st.builds(wishes.Hold, until=st.datetimes(timezones=st.just(UTC)))
    | st.just(wishes.Force())
    | st.builds(wishes.Restore, event_ids=st.lists(texts, max_size=2).map(tuple))
    | st.just(wishes.Resume())
    | st.builds(wishes.Adopt, layers=layers)
    | st.builds(wishes.Ended, wish=texts, event_id=texts)
)
bodies = (
    st.builds(records.Opened, episode=texts, vm=texts, vm_id=texts, policy=texts, terms=listed, layers=layers)
    | st.builds(records.Joined, layers=st.dictionaries(texts, memberships, max_size=2))
    | st.builds(Noted, what=st.sampled_from(Noting), layer=texts, partly=st.booleans(), terms=listed)
    | st.builds(
        records.Intended,
        step=texts,
        layers=st.dictionaries(texts, spans, max_size=2),
        phase=st.none() | st.sampled_from(Phase),
        stage=st.none() | st.sampled_from(Stage),
        lands_for=spans,
        undo=st.lists(texts, max_size=2).map(tuple),
    )
    | st.builds(
        records.Finished,
        step=texts,
        outcome=st.sampled_from(records.Outcome),
        until=st.none() | instants,
        kind=texts,
        reason=texts,
    )
    | st.builds(records.Wished, wish=asked, by=texts)
    | st.just(Closed())
)


@given(at=instants, body=bodies)
def test_round_trip(at: Instant, body: Body) -> None:
    """Whatever can be recorded is read back the same, from one line of ASCII."""
    record = Record(at=at, body=body)
    line = write_line(record)
    assert read_line(line) == record
    assert line.isascii()
    assert "\n" not in line


def test_a_lone_surrogate_is_no_crash() -> None:
    """Text that came from a file system's bytes is written and read like any other."""
    record = Record(at=NOW, body=records.Wished(wish=wishes.Drain(reason="\udcff"), by="x"))
    assert read_line(write_line(record)) == record


@pytest.mark.parametrize(
    "line",
    [
        "",
        "{",
        "[]",
        "1",
        '{"kind":"closed"}',
        '{"schema":"1","kind":"closed"}',
        '{"schema":true,"kind":"closed"}',
        '{"schema":1,"at":null,"kind":"closed","body":{}}',
        '{"schema":1,"kind":7}',
        "\udcff",
        '{"schema":1,"kind":"closed","at":{"wall":"2026-01-01","monotonic_s":1,"boot":""},"body":{}}',
        '{"schema":1,"kind":"closed","at":{"wall":"2026-01-01T00:00:00Z","monotonic_s":1},"body":{}}',
        '{"schema":1,"kind":"closed","at":{"wall":"2026-01-01T00:00:00Z","monotonic_s":1e18,"boot":""},"body":{}}',
        '{"schema":1,"kind":"closed","at":{"wall":"2026-01-01T00:00:00Z","monotonic_s":NaN,"boot":""},"body":{}}',
        "[" * 100_000,
    ],
)
def test_damage(line: str) -> None:
    """A line that no release wrote is damage, and told apart from one of another release."""
    with pytest.raises(ValueError) as told:
        read_line(line)
    assert not isinstance(told.value, Unknown)


def line(recorded: Body, /, **changes: object) -> str:
    return json.dumps({**json.loads(write_line(Record(at=NOW, body=recorded))), **changes})


@pytest.mark.parametrize(
    "newer",
    [
        line(Closed(), kind="prophesied"),
        line(Closed(), kind="prophesied", schema=9, at="sometime"),
        line(Noted(what=Noting.TERMS), schema=2, body={"what": "a-new-fact"}),
        line(Closed(), schema=2, at="sometime"),
    ],
)
def test_what_a_newer_release_wrote_is_skipped(newer: str) -> None:
    """Unknown kinds, and schemas that read differently, are counted and skipped, not damage."""
    loaded = read_lines([newer, write_line(Record(at=NOW, body=Closed()))])
    assert (loaded.skipped, loaded.damage, len(loaded.records)) == (1, (), 1)


def test_new_members_are_ignored_and_old_ones_defaulted() -> None:
    """A newer release added a member, an older one had not the youngest yet: both are read."""
    body = {"what": "returned", "layer": "fake", "since_v3": 1}
    assert read_line(line(Closed(), kind="noted", body=body)).body == Noted(
        what=Noting.RETURNED, layer="fake"
    )


def test_torn_is_not_damaged() -> None:
    """A last line without its end is torn; the same text in the middle is damage, with its number."""
    whole = write_line(Record(at=NOW, body=Closed()))
    assert read_lines([whole, whole[:9]], complete=False).torn
    loaded = read_lines([whole, whole[:9], whole])
    assert [number for number, _ in loaded.damage] == [2]
    assert not loaded.torn


def test_times_of_any_zone_are_read_as_utc() -> None:
    """An instant is one instant, whatever zone it was written in."""
    there = datetime(2026, 1, 1, 9, tzinfo=timezone(timedelta(hours=9)))
    assert decode(datetime, encode(there)) == datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("expected", "value"),
    [
        *((int, "1"), (int, True), (float, True), (str, 1), (datetime, 1), (timedelta, "1"), (Phase, "x")),
        *((timedelta, absurd) for absurd in (1e13, -1e13, float("nan"), float("inf"))),
    ],
)
def test_wrong_types_are_told(expected: type, value: object) -> None:
    """A member of another type, or a span that nothing could be added to, is a ValueError, never a guess."""
    with pytest.raises(ValueError):
        decode(expected, value)


@pytest.mark.parametrize("expected", [tuple[str, ...], dict[str, str], Record])
def test_wrong_shapes_are_told(expected: type) -> None:
    """A number where a list, an object or a record belongs is a ValueError."""
    with pytest.raises(ValueError):
        decode(expected, 1)


def test_only_values_are_encoded() -> None:
    """What is no value of ours is refused."""
    with pytest.raises(TypeError):
        encode(object())
