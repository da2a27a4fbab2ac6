"""`restore --offline` where there is nothing to read, or too little."""

from __future__ import annotations

from pathlib import Path

import pytest

from drainer.offline import restore_offline, resume_offline
from drainer.settings import Settings

OPENED = '{"schema":1,"at":{"wall":"2026-01-01T00:00:00Z","monotonic_s":1.0,"boot":"b"},"kind":"opened"'
CORDON = (
    '{"schema":1,"at":{"wall":"2026-01-01T00:00:01Z","monotonic_s":2.0,"boot":"b"},"kind":"intended",'
    '"body":{"step":"cordon","layers":{"health-probe":0.0},"undo":["rm -f /var/lib/drainer/draining"]}}'
)


def test_a_damaged_journal_that_cannot_tell_is_no_success(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the opening line damaged nothing is given back: exit 1, and the undo command by hand."""
    (tmp_path / "journal.jsonl").write_text(f"{OPENED}\n{CORDON}\n", encoding="utf-8")
    assert restore_offline(Settings(state=tmp_path)) == 1
    said = capsys.readouterr().err
    assert "cannot tell whether this VM was taken out" in " ".join(said.split())
    assert "rm -f /var/lib/drainer/draining" in said


def test_a_state_directory_that_is_not_there_is_no_success(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A mistyped --state exits 1, names it, and is not made."""
    assert restore_offline(Settings(state=tmp_path / "none")) == 1
    assert str(tmp_path / "none") in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


def test_a_damaged_journal_is_not_resumed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing more is written into it: exit 1, and why."""
    (tmp_path / "journal.jsonl").write_text(f"{OPENED}\n{CORDON}\n", encoding="utf-8")
    assert resume_offline(Settings(state=tmp_path)) == 1
    assert "line 1 of the journal cannot be read" in capsys.readouterr().err


def test_nothing_open_is_success(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An empty, whole journal: nothing to give back, exit 0."""
    assert restore_offline(Settings(state=tmp_path)) == 0
    assert "nothing to give back" in capsys.readouterr().err


def test_a_layer_that_the_policy_lost_is_named_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An open episode of a layer that the policy has no more: exit 1 at once, with the undo command."""
    body = '"body":{"episode":"e","vm":"vm1","vm_id":"","policy":"","terms":[],"layers":{"elsewhere":null}}}'
    cordon = CORDON.replace('"health-probe"', '"elsewhere"')
    (tmp_path / "journal.jsonl").write_text(f"{OPENED},{body}\n{cordon}\n", encoding="utf-8")
    assert restore_offline(Settings(state=tmp_path)) == 1
    said = capsys.readouterr().err
    assert "no layer elsewhere" in said
    assert "rm -f /var/lib/drainer/draining" in said
