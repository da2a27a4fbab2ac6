"""The rows for a document that cannot be read: blind changes nothing, but for what P1 and P2 say."""

from __future__ import annotations

from drainer.core.row import Row, always, cordon, renew, wait
from drainer.core.situation import Reads, Situation


def _cordons_blind(s: Situation) -> bool:
    """A threat that the journal knows came to its force, and nobody said otherwise."""
    due = s.open and not s.quiet_noted and s.past_force
    allowed = s.hard_gate is None and not s.resting_in
    return due and allowed and bool(s.to_cordon)


BLIND: tuple[Row, ...] = (
    Row(
        name="P1",
        reads=Reads.UNREADABLE,
        says="episode open, quiet not noted, past the journalled force, no hard gate closed, not yielded; "
        "a cordoning layer was In and reads In (or is unread and its Cordon not done)",
        does="Cordon those layers",
        when=_cordons_blind,
        step=cordon,
    ),
    Row(
        name="P2",
        reads=Reads.UNREADABLE,
        says="episode open; lease renewal due, or expired while held",
        does="Acquire(same phase)",
        when=lambda s: s.open and s.renewal_due,
        step=renew,
        passes=True,
    ),
    Row(
        name="P3",
        reads=Reads.UNREADABLE,
        says="otherwise",
        does='Wait "blind"',
        when=always,
        step=wait("blind"),
    ),
)
