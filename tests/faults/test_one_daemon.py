"""One real daemon lives through every fault of its metadata service, its identity and its management API."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from metadata_server.arm.faults import ArmFaultKind
from metadata_server.faults import FaultKind
from tests.faults.living import EVENTS, NOWHERE, TOKEN, Living, living
from tests.until import until

Fault = tuple[str, int]
"""A kind, and the status that some kinds bear."""

HARMLESS = ("delay", "duplicated")
"""What is read all the same."""

OF_WRITES = ("fail",)
STORMS = (400, 401, 403, 404, 410, 429, 500, 502, 503, 504)
BLINDING: tuple[Fault, ...] = (
    *((kind.value, 200) for kind in FaultKind if kind.value not in (*HARMLESS, "status")),
    *(("status", status) for status in STORMS),
)

MANAGEMENT = tuple(kind.value for kind in ArmFaultKind if kind.value not in (*OF_WRITES, "slow", "mixed"))
DOUBLED: Fault = ("duplicated", 200)
"""A document is read all the same; a token is not, until the fault ends."""

WITHOUT_END = ("silent", "oversized", "endless")
"""Slowness for as long as somebody waits, which for each of two documents may be twenty seconds, twice."""

SHORT = ("empty", "truncated", "oversized", "reset-headers")
SHORT_MANAGEMENT = ("drop", "malformed", "503")

SEES_AGAIN_WITHIN_S = 90.0
"""A 304 is believed for a minute; a silent answer is given up after seconds, many times over."""

GROWTH_KB = 32 << 10
"""Half of what an oversized body would take, were it read."""


def lives_through_documents(one: Living, faults: tuple[Fault, ...]) -> None:
    """Blind while the metadata service misbehaves, seeing once it does not."""
    for kind, status in faults:
        one.fault(kind, EVENTS, status=status)
        until(lambda: not one.sees(), f"blindness by {kind} {status}", within_s=SEES_AGAIN_WITHIN_S)
        one.mend()
        until(one.sees, f"sight after {kind} {status}")
    for kind in HARMLESS:
        one.fault(kind, EVENTS)
        with one.announced():
            until(one.notices, f"a notice under {kind}")
        one.mend()


def lives_through_identities(one: Living, faults: tuple[Fault, ...]) -> None:
    """A child that knows no token gets none, and the pool is unread; then it is read."""
    for kind, status in faults:
        one.fault(kind, TOKEN, status=status)
        one.end_children()
        until(one.trouble, f"trouble by a token that is {kind} {status}", within_s=SEES_AGAIN_WITHIN_S)
        one.mend()
        until(one.reads_pool, f"the pool after {kind} {status}")
    one.fault("delay", TOKEN)
    until(partial(one.reads_pool_by_others, one.end_children()), "the pool under delay")
    one.mend()


def lives_through_management(one: Living, kinds: tuple[str, ...]) -> None:
    """The pool is unread while the management API misbehaves, and read after that."""
    for kind in kinds:
        one.stand.fault(kind, **({"location": NOWHERE} if kind == "redirect" else {}))
        one.hold()
        until(one.meets_fault, f"a request that meets {kind}")
        unread = one.waits_for_pool if kind in WITHOUT_END else one.trouble
        until(unread, f"trouble by {kind}", within_s=SEES_AGAIN_WITHIN_S)
        one.stand.mend()
        until(one.reads_pool, f"the pool after {kind}", within_s=SEES_AGAIN_WITHIN_S)


def drains_and_restores(one: Living) -> None:
    """Once all is well: out, proven, acknowledged, and back as it was."""
    stand, before = one.stand, one.stand.bare
    assert stand.sidecar.told("resume").returncode == 0
    event = stand.schedule(in_="4m")
    stand.sidecar.until_said("acknowledge.done", within_s=120.0)
    assert stand.pools == []
    stand.complete(event)
    until(lambda: stand.pools == ["web"], "the way back")
    until(lambda: one.status()["episode"] is None, "the close", within_s=200.0)
    assert stand.bare == before


def lives(root: Path, *, short: bool) -> None:
    with living(root) as one:
        first = one.holds()
        one.hold()
        chosen = tuple(each for each in BLINDING if not short or each[0] in SHORT)
        lives_through_documents(one, chosen)
        with one.announced():
            lives_through_identities(one, chosen[:2] if short else (*chosen, DOUBLED))
            lives_through_management(one, SHORT_MANAGEMENT if short else MANAGEMENT)
        assert one.lives
        assert one.stand.pools == ["web"], "nothing was taken out under hold"
        drains_and_restores(one)
        until(lambda: not one.children(), "the end of every child")
        last = one.holds()
        assert one.lives
        assert last.threads <= first.threads
        assert last.fds <= first.fds
        assert one.peak_kb() < first.rss_kb + GROWTH_KB


def test_one_daemon_lives_through_a_fault_of_each_kind(tmp_path: Path) -> None:
    """The same process, of bounded size; it reads again after each, and in the end drains and restores."""
    lives(tmp_path, short=True)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_one_daemon_lives_through_every_fault(tmp_path: Path) -> None:
    """Every fault that the emulator knows, one after another, of the document, the token and the pool."""
    lives(tmp_path, short=False)


def test_every_fault_is_tried() -> None:
    """A fault that joins the emulator joins this life."""
    assert {kind for kind, _ in BLINDING} | set(HARMLESS) == {kind.value for kind in FaultKind}
    assert {*MANAGEMENT, *OF_WRITES, "slow", "mixed"} == {kind.value for kind in ArmFaultKind}
