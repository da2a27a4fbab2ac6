"""The marker file and the evidence beside it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from drainer.probe import marker as markers


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    return tmp_path / "draining"


def test_no_marker_has_no_identity(marker: Path) -> None:
    """Absent is None; a path that cannot be looked at is an error, not absence."""
    assert markers.identity(marker) is None
    marker.touch()
    with pytest.raises(NotADirectoryError):
        markers.identity(marker / "below")


def test_a_marker_written_anew_is_another(marker: Path) -> None:
    """The same text written twice is two markers; merely reading it changes nothing."""
    markers.write(marker, "x")
    first = markers.identity(marker)
    assert markers.identity(marker) == first
    markers.write(marker, "x")
    assert markers.identity(marker) != first


def test_removing_twice_is_fine(marker: Path) -> None:
    """No marker is what was asked for."""
    markers.write(marker, "x")
    markers.remove(marker)
    markers.remove(marker)
    assert os.listdir(marker.parent) == []


def test_a_marker_that_cannot_be_put_there_leaves_nothing(marker: Path) -> None:
    """Where the last step fails, the half-written file is taken away again."""
    marker.mkdir()
    with pytest.raises(IsADirectoryError):
        markers.write(marker, "x")
    assert os.listdir(marker.parent) == [marker.name]


def test_evidence_of_this_marker_is_read_back(marker: Path) -> None:
    """What was kept for a marker is found under it, and under no other."""
    markers.write_evidence(marker, "this", {"10.0.0.1": 2})
    assert markers.read_evidence(marker, "this") == {"10.0.0.1": 2}
    assert markers.read_evidence(marker, "other") == {}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "\xff",
        json.dumps({"schema": 2, "marker": "this", "down": {"10.0.0.1": 9}}),
        json.dumps({"schema": 1, "marker": "this", "down": [9]}),
        json.dumps({"schema": 1, "marker": "this", "down": {"10.0.0.1": "9"}}),
        json.dumps({"marker": "this"}),
    ],
)
def test_what_cannot_be_believed_is_no_evidence(marker: Path, text: str) -> None:
    """Torn, foreign or newer: nothing is proven, and nothing raises."""
    markers.evidence_path(marker).write_bytes(text.encode("latin-1"))
    assert markers.read_evidence(marker, "this") == {}


def test_no_evidence_is_none(marker: Path) -> None:
    """Before the first answer there is none."""
    assert markers.read_evidence(marker, "this") == {}
