"""The count of down answers per asker and marker."""

from __future__ import annotations

from pathlib import Path

import pytest

from drainer.probe import marker as markers
from drainer.probe.tally import ASKERS, ENOUGH, Tally


def test_each_asker_is_counted_from_this_marker_on(tmp_path: Path) -> None:
    """A new marker begins at nothing."""
    marker = tmp_path / "draining"
    tally = Tally(marker)
    for asker in ("a", "b", "a"):
        tally.count(asker, "first")
    assert markers.read_evidence(marker, "first") == {"a": 2, "b": 1}
    tally.count("a", "second")
    assert markers.read_evidence(marker, "second") == {"a": 1}


def test_a_restarted_unit_counts_on(tmp_path: Path) -> None:
    """What an earlier process counted under this marker is kept."""
    marker = tmp_path / "draining"
    Tally(marker).count("a", "first")
    Tally(marker).count("a", "first")
    assert markers.read_evidence(marker, "first") == {"a": 2}


def test_a_crowd_of_askers_is_bounded(tmp_path: Path) -> None:
    """Strangers cannot fill the disk, and whoever asked lately is remembered."""
    marker = tmp_path / "draining"
    tally = Tally(marker)
    for number in range(ASKERS + 10):
        tally.count("prober", "first")
        tally.count(f"stranger{number}", "first")
    kept = markers.read_evidence(marker, "first")
    assert len(kept) == ASKERS
    assert kept["prober"] == ASKERS + 10


def test_an_asker_in_a_hurry_stops_costing(tmp_path: Path) -> None:
    """Beyond what anybody waits for, nothing more is written."""
    marker = tmp_path / "draining"
    markers.write_evidence(marker, "first", {"a": ENOUGH})
    before = markers.evidence_path(marker).stat().st_mtime_ns
    Tally(marker).count("a", "first")
    assert markers.evidence_path(marker).stat().st_mtime_ns == before


def test_evidence_that_cannot_be_kept_is_said_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a place to write, counting goes on silently after one complaint."""
    tally = Tally(tmp_path / "nowhere" / "draining")
    tally.count("a", "first")
    tally.count("a", "first")
    assert capsys.readouterr().err.count("no evidence can be kept") == 1
