"""The rows for a quiet document: settle, give back exactly what was taken, release, close."""

from __future__ import annotations

from drainer.core.model import Stage
from drainer.core.row import Row, always, first_free, renew, wait
from drainer.core.situation import Reads, Situation
from drainer.core.step import Close, Hook, Note, Noting, Release, Restore, Step, Wait


def _restore(s: Situation) -> Step:
    """The lowest layer whose own restore is not backing off; else the lowest."""
    return first_free(s, tuple(Restore(layer=name) for name in s.to_restore))


def _unsettled_or_held(s: Situation) -> Step:
    return Wait(reason="hold" if s.hold else "settling", wake_after=s.wake_after)


QUIET: tuple[Row, ...] = (
    Row(
        name="R1",
        reads=Reads.QUIET,
        says="no episode",
        does='Wait "steady"',
        when=lambda s: not s.open,
        step=wait("steady"),
    ),
    Row(
        name="R2",
        reads=Reads.QUIET,
        says="quiet not noted",
        does="Note quiet-since",
        when=lambda s: not s.quiet_noted,
        step=lambda s: Note(what=Noting.QUIET_SINCE),
    ),
    Row(
        name="R3",
        reads=Reads.QUIET,
        says="a layer reads In, intended, none of its writes unsettled, nothing of it missing",
        does="Note returned(layer)",
        when=lambda s: s.given_back,
        step=lambda s: Note(what=Noting.RETURNED, layer=s.given_back[0]),
    ),
    Row(
        name="R4",
        reads=Reads.QUIET,
        says="lease renewal due, or expired while held; an ours layer not In or unread",
        does="Acquire(same phase)",
        when=lambda s: s.renewal_due and (s.to_restore or s.ours_unread),
        step=renew,
        passes=True,
    ),
    Row(
        name="R5",
        reads=Reads.QUIET,
        says="settling, or hold",
        does='Wait "settling" / "hold"',
        when=lambda s: not s.settled or s.hold,
        step=_unsettled_or_held,
    ),
    Row(
        name="R6",
        reads=Reads.QUIET,
        says="an ours layer reads not In, application not healthy (unless it was failing at Open)",
        does='Wait "unhealthy"',
        when=lambda s: s.to_restore and not s.healthy,
        step=wait("unhealthy"),
    ),
    Row(
        name="R6a",
        reads=Reads.QUIET,
        says="an ours layer reads not In, and the before-restore hook said abort",
        does='Wait "aborted by hook"',
        when=lambda s: s.to_restore and s.hook_aborted,
        step=wait("aborted by hook"),
    ),
    Row(
        name="R7",
        reads=Reads.QUIET,
        says="an ours layer reads not In, and a before-restore hook is due",
        does="Hook(before-restore)",
        when=lambda s: s.to_restore and Stage.BEFORE_RESTORE in s.hooks_due,
        step=lambda s: Hook(stage=Stage.BEFORE_RESTORE),
    ),
    Row(
        name="R8",
        reads=Reads.QUIET,
        says="an ours layer reads not In",
        does="Restore(lowest such layer)",
        when=lambda s: s.to_restore,
        step=_restore,
    ),
    Row(
        name="R9",
        reads=Reads.QUIET,
        says="an ours layer unread",
        does='Wait "blind"',
        when=lambda s: s.ours_unread,
        step=wait("blind"),
    ),
    Row(
        name="R10",
        reads=Reads.QUIET,
        says="a write or Acquire of ours unsettled",
        does='Wait "unsettled"',
        when=lambda s: s.unsettled,
        step=wait("unsettled"),
    ),
    Row(
        name="R10a",
        reads=Reads.QUIET,
        says="a restored hook is due",
        does="Hook(restored)",
        when=lambda s: Stage.RESTORED in s.hooks_due,
        step=lambda s: Hook(stage=Stage.RESTORED),
        passes=True,
    ),
    Row(
        name="R11",
        reads=Reads.QUIET,
        says="a lease of ours may stand",
        does="Release",
        when=lambda s: s.release_owed,
        step=lambda s: Release(),
    ),
    Row(
        name="R11a",
        reads=Reads.QUIET,
        says="a restored hook is due still",
        does='Wait "restored hook"',
        when=lambda s: Stage.RESTORED in s.hooks_due,
        step=wait("restored hook"),
    ),
    Row(
        name="R12",
        reads=Reads.QUIET,
        says="otherwise",
        does="Close",
        when=always,
        step=lambda s: Close(),
    ),
)
