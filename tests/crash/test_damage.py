"""A journal that is damaged while this VM is out: what still tells is given back, what does not is said."""

from __future__ import annotations

from pathlib import Path

from tests.crash import damage


def test_every_damage_ends_as_documented(tmp_path: Path) -> None:
    """Torn, truncated, of another release, full or read-only: back; without its opening line: untouched."""
    count, wrong = damage.findings(tmp_path)
    assert wrong == ()
    assert count == 2 * (len(damage.DAMAGES) + len(damage.UNWRITABLE))


def test_another_ending_is_seen(tmp_path: Path) -> None:
    """A journal that vanishes does not end like a whole one."""
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    ended = damage.damaged(tmp_path / "one", damage.missing, boot="")
    assert ended != damage.damaged(tmp_path / "two", damage.whole, boot="")
