"""Values as JSON and back: what is written, and what is refused with which words."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from drainer.core.codec import LONGEST_SPAN_S, decode, encode
from drainer.core.model import Blank, Phase


@dataclass(frozen=True, kw_only=True)
class Pair:
    left: int
    right: str = "r"
    more: tuple[str, ...] = field(default_factory=tuple)


AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
EAST = AT.astimezone(timezone(timedelta(hours=2)))


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (Phase.DRAINING, "draining"),
        (None, None),
        ("s", "s"),
        (True, True),
        (7, 7),
        (1.5, 1.5),
        (AT, "2026-01-02T03:04:05Z"),
        (EAST, "2026-01-02T03:04:05Z"),
        (timedelta(minutes=1.5), 90.0),
        ((1, AT), [1, "2026-01-02T03:04:05Z"]),
        ([Phase.DRAINING], ["draining"]),
        ({"a": timedelta(seconds=1)}, {"a": 1.0}),
        ({1: (2,)}, {"1": [2]}),
        (Pair(left=1), {"is": "pair", "left": 1, "right": "r", "more": []}),
        (Blank(), {"is": "blank"}),
    ],
)
def test_encoded(value: object, written: object) -> None:
    """Instants as RFC 3339, durations as seconds, enums as their value, classes by their lower-case name."""
    found = encode(value)
    assert found == written
    assert type(found) is type(written)


@pytest.mark.parametrize(
    ("expected", "written", "value"),
    [
        (datetime, "2026-01-02T05:04:05+02:00", AT),
        (timedelta, 90, timedelta(seconds=90)),
        (timedelta, 1.5, timedelta(seconds=1.5)),
        (timedelta, LONGEST_SPAN_S, timedelta(seconds=LONGEST_SPAN_S)),
        (timedelta, -LONGEST_SPAN_S, timedelta(seconds=-LONGEST_SPAN_S)),
        (float, 2, 2.0),
        (int, 2, 2),
        (bool, False, False),
        (str, "s", "s"),
        (Phase, "rebooting", Phase.REBOOTING),
        (Phase | None, None, None),
        (Phase | None, "draining", Phase.DRAINING),
        (tuple[timedelta, ...], [1, 2], (timedelta(seconds=1), timedelta(seconds=2))),
        (Mapping[str, timedelta], {"a": 1}, {"a": timedelta(seconds=1)}),
        (Pair, {"left": 1, "more": ["x"], "later": 5}, Pair(left=1, more=("x",))),
        (Pair | Blank, {"is": "blank"}, Blank()),
        (Pair | Blank, {"is": "pair", "left": 1, "right": "q"}, Pair(left=1, right="q")),
    ],
)
def test_decoded(expected: Any, written: object, value: object) -> None:
    """What was written, as its type; unknown members are ignored, and defaults stand for absent ones."""
    found = decode(expected, written)
    assert found == value
    assert type(found) is type(value)
    if isinstance(found, datetime):
        assert found.tzinfo is UTC


@pytest.mark.parametrize(
    ("expected", "written", "says"),
    [
        (tuple[int, ...], {"a": 1}, "expected a list, got {'a': 1}"),
        (Mapping[str, int], [1], "expected an object, got [1]"),
        (Pair, [1], "expected an object for Pair, got [1]"),
        (Pair, {"right": "q"}, "Pair lacks left"),
        (Pair | Blank, {"is": "prophecy"}, "unknown kind 'prophecy'"),
        (Pair | Blank, "pair", "unknown kind None"),
        (datetime, "2026-01-02T03:04:05", "expected a zone in '2026-01-02T03:04:05'"),
        (datetime, 5, "expected datetime, got 5"),
        (timedelta, True, "expected timedelta, got True"),
        (timedelta, 1e10, "expected seconds of a century at most, got 10000000000.0"),
        (float, True, "expected float, got True"),
        (float, "1", "expected float, got '1'"),
        (int, True, "expected int, got True"),
        (bool, 1, "expected bool, got 1"),
        (str, 1, "expected str, got 1"),
        (Phase, "waning", "'waning' is not a valid Phase"),
        (int, None, "expected int, got None"),
        ("prophecy", 1, "expected prophecy, got 1"),
    ],
)
def test_refused(expected: Any, written: object, says: str) -> None:
    """Another type than was written, or a member missing that has no default; told by what was found."""
    with pytest.raises(ValueError, match=f"^{re.escape(says)}$"):
        decode(expected, written)


def test_what_cannot_be_written_is_told() -> None:
    """A type that has no JSON form is a bug, named."""
    with pytest.raises(TypeError, match=r"^cannot encode object$"):
        encode(object())


def test_an_instant_is_written_in_utc_wherever_the_machine_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    """The zone of the machine is not that of the journal."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert encode(EAST) == "2026-01-02T03:04:05Z"
        assert decode(datetime, "2026-01-02T05:04:05+02:00").tzinfo is UTC
    finally:
        monkeypatch.undo()
        time.tzset()
