"""Durations as text."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drainer.policyfile import durations

MILLISECONDS = st.integers(min_value=0, max_value=durations.LONGEST // timedelta(milliseconds=1))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("300ms", 0.3), ("10s", 10), ("2m", 120), ("1h", 3600), ("7d", 604800), ("0s", 0), ("365d", 31536000)],
)
def test_a_number_and_a_unit(text: str, seconds: float) -> None:
    """Each unit counts as its name says."""
    assert timedelta(seconds=seconds) == durations.parse(text)


NONE = ["", "5", "s", "05s", "5S", "5 s", "-5s", "1.5s", "5s\n", "٥s", "366d", "999999999d", f"{'9' * 5000}s"]


@pytest.mark.parametrize("text", NONE)
def test_all_else_is_no_duration(text: str) -> None:
    """No other spelling is taken for a duration, and none beyond a year."""
    assert durations.parse(text) is None


@given(MILLISECONDS)
def test_what_is_spelled_reads_back(count: int) -> None:
    """Every whole number of milliseconds up to a year survives being written and read."""
    duration = timedelta(milliseconds=count)
    assert duration == durations.parse(durations.spell(duration))


def test_the_shortest_spelling_is_chosen() -> None:
    """The largest unit that divides the duration is used."""
    spelled = [durations.spell(timedelta(seconds=seconds)) for seconds in (60, 90, 7200, 86400, 0.25, 1.5)]
    assert spelled == ["1m", "90s", "2h", "1d", "250ms", "1500ms"]


def test_parts_of_a_millisecond_are_cut_off() -> None:
    """No policy spells them; a program that has them gets the milliseconds."""
    assert durations.spell(timedelta(microseconds=1700)) == "1ms"
