"""What daemon and child say to each other comes out as it went in."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drainer.errors import Broken, DrainerError, Refused, Transient
from drainer.management import Failed, Running, State, Succeeded
from drainer.transport.azure.framing import (
    Answer,
    read_answer,
    read_call,
    read_state,
    state_json,
    write_answer,
    write_call,
)

TEXT = st.text(max_size=8)
PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT
JSON = PLAIN | st.lists(PLAIN, max_size=3) | st.dictionaries(TEXT, PLAIN, max_size=3)


@given(number=st.integers(min_value=0), verb=TEXT, arguments=st.dictionaries(TEXT, JSON, max_size=3))
def test_a_call_is_one_line_and_comes_out_as_it_went_in(
    number: int, verb: str, arguments: dict[str, object]
) -> None:
    """Whatever is in it, also line ends."""
    line = write_call(number, verb, arguments)
    assert line.count(b"\n") == 1
    assert read_call(line) == (number, verb, arguments)


@given(number=st.integers(min_value=0), result=JSON)
def test_an_answer_is_one_line_and_comes_out_as_it_went_in(number: int, result: object) -> None:
    """Whatever is in it, also line ends and nothing at all."""
    line = write_answer(Answer(number=number, result=result))
    assert line.count(b"\n") == 1
    assert read_answer(line) == Answer(number=number, result=result)


@pytest.mark.parametrize(
    "error",
    [
        Transient("azure-throttled", "429", retry_after=timedelta(seconds=12.5)),
        Transient("azure-unreachable", "two\nlines"),
        Refused("azure-forbidden", "no"),
        Broken("azure-bug", "é"),
    ],
    ids=lambda error: error.kind,
)
def test_an_error_keeps_its_class_kind_reason_and_time(error: DrainerError) -> None:
    """What the caller must do about it survives the pipe."""
    found = read_answer(write_answer(Answer(number=3, error=error))).error
    assert type(found) is type(error)
    assert found is not None
    assert (found.kind, found.reason) == (error.kind, error.reason)
    assert getattr(found, "retry_after", None) == getattr(error, "retry_after", None)


@pytest.mark.parametrize(
    "state", [Running(), Succeeded(), Failed(code="Canceled", reason="superseded")], ids=str
)
def test_a_state_comes_out_as_it_went_in(state: State) -> None:
    """All three of them."""
    assert read_state(state_json(state)) == state


def test_a_state_that_nobody_knows_is_still_running() -> None:
    """Never taken for an end."""
    assert read_state({"state": "failed"}) == Running()
    assert read_state(None) == Running()


@pytest.mark.parametrize(
    "line", [b"", b"hello\n", b"[]\n", b'{"n": 1}\n', b'{"n": "1", "result": 2}\n', b"\xff\n"]
)
def test_what_no_child_says_is_refused(line: bytes) -> None:
    """Anything but a numbered result or error."""
    with pytest.raises(ValueError):
        read_answer(line)


@pytest.mark.parametrize("line", [b"", b'{"n": 1, "verb": "get"}\n', b'{"n": 1, "verb": 2, "args": {}}\n'])
def test_what_no_daemon_says_is_refused(line: bytes) -> None:
    """Anything but a number, a verb and its arguments."""
    with pytest.raises(ValueError):
        read_call(line)
