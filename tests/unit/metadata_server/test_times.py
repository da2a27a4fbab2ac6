"""How times are written and read."""

from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metadata_server.times import (
    format_duration,
    format_instant,
    parse_duration,
    parse_instant,
    rfc1123,
    rfc1123_wrong_weekday,
    us_style,
)

SPELT = [
    ("30s", timedelta(seconds=30)),
    ("15m", timedelta(minutes=15)),
    ("1h30m", timedelta(minutes=90)),
    ("250ms", timedelta(milliseconds=250)),
    ("1.5s", timedelta(seconds=1.5)),
    ("7d", timedelta(days=7)),
    ("0s", timedelta()),
]


@pytest.mark.parametrize(("text", "expected"), SPELT)
def test_durations_are_read(text: str, expected: timedelta) -> None:
    """A duration is numbers with units, in any number of parts."""
    assert parse_duration(text) == expected


@pytest.mark.parametrize("text", ["", "10", "m", "10 m", "-5m", "10min", "5m!", "9" * 400 + "d"])
def test_other_durations_are_refused(text: str) -> None:
    """What is no duration says what one looks like."""
    with pytest.raises(ValueError, match="a duration such as"):
        parse_duration(text)


@given(st.timedeltas(min_value=timedelta(), max_value=timedelta(days=400)))
def test_durations_survive_writing(duration: timedelta) -> None:
    """Any duration is read back as it was written."""
    assert parse_duration(format_duration(duration)) == duration


def test_durations_are_written_short() -> None:
    """Whole units are written as such, and nothing as 0s."""
    assert [format_duration(timedelta(seconds=seconds)) for seconds in (0, 90, 7200)] == ["0s", "1m30s", "2h"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2030-01-31T12:00:00Z", datetime(2030, 1, 31, 12, tzinfo=UTC)),
        ("2030-01-31T12:00:00.5+02:00", datetime(2030, 1, 31, 10, 0, 0, 500000, tzinfo=UTC)),
    ],
)
def test_instants_are_read_in_utc(text: str, expected: datetime) -> None:
    """An RFC 3339 instant of any zone becomes the same instant in UTC."""
    instant = parse_instant(text)
    assert (instant, instant.tzinfo) == (expected, UTC)


@pytest.mark.parametrize(
    "text", ["", "tomorrow", "2030-01-31", "2030-01-31T12:00:00", "2030-13-01T00:00:00Z"]
)
def test_other_instants_are_refused(text: str) -> None:
    """A date alone, or a time without a zone, is no instant."""
    with pytest.raises(ValueError, match="an RFC 3339 instant"):
        parse_instant(text)


def test_instants_are_written_in_utc() -> None:
    """An instant is written with Z, whatever zone it came in."""
    east = timezone(timedelta(hours=2))
    assert format_instant(datetime(2030, 1, 31, 12, tzinfo=east)) == "2030-01-31T10:00:00Z"


@given(st.integers(86400, 7_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)))
def test_http_dates_read_back(instant: datetime) -> None:
    """The HTTP form names the right day and second; the wrong-weekday form differs in the name only."""
    assert parsedate_to_datetime(rfc1123(instant)) == instant
    assert parsedate_to_datetime(rfc1123_wrong_weekday(instant)) == instant
    assert rfc1123(instant)[3:] == rfc1123_wrong_weekday(instant)[3:]
    assert rfc1123(instant)[:3] != rfc1123_wrong_weekday(instant)[:3]


def test_http_date_as_documented() -> None:
    """The sample of the documentation is written to the letter."""
    assert rfc1123(datetime(2016, 9, 19, 18, 29, 47, tzinfo=UTC)) == "Mon, 19 Sep 2016 18:29:47 GMT"


@pytest.mark.parametrize(
    ("hour", "expected"),
    [
        (0, "9/15/2015 12:42:51 AM"),
        (6, "9/15/2015 6:42:51 AM"),
        (12, "9/15/2015 12:42:51 PM"),
        (18, "9/15/2015 6:42:51 PM"),
    ],
)
def test_creation_time_of_2015(hour: int, expected: str) -> None:
    """The 2015 form is month first, twelve hours, no leading zero."""
    assert us_style(datetime(2015, 9, 15, hour, 42, 51, tzinfo=UTC)) == expected
