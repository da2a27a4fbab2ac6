"""Every fact of a situation: what of the observation, the journal and the policy it is made of."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from drainer.core.assess import SETTLE_NEW, Observation, assess
from drainer.core.episode import HookFacts, State, Window, Wishes
from drainer.core.model import (
    Face,
    Footing,
    InFlight,
    Phase,
    Stage,
    Standing,
    Unmeasured,
    Unreadable,
)
from drainer.core.situation import Ack, Layer, Lease, Reads, Situation
from tests.unit.core.given import (
    POLICY,
    at,
    document,
    facts,
    lease,
    notice,
    opened,
    reading,
    seconds,
    seen,
    sight,
    terms,
)

BLIND = Unreadable(kind="timeout", reason="no answer")
LISTED = document(notice())
ALL_STAGES = frozenset(Stage)


def situation(observed: Observation, state: State) -> Situation:
    return assess(observed, state, POLICY).situation


def test_a_vm_at_rest() -> None:
    """No notice, no episode: nothing is recorded of the layer, and nothing is due."""
    assert situation(seen(passes=2), State()) == Situation(
        reads=Reads.QUIET,
        layers=(
            Layer(
                name="pool",
                cordons=True,
                isolates=True,
                face=Face.IN,
                recorded=False,
                was_in=False,
            ),
        ),
        busy=False,
        healthy=False,
    )


def test_a_vm_drained_for_a_notice() -> None:
    """Out, nothing in flight, its lease held, published by all: every fact as the notice's terms have it."""
    state = opened(
        layers={"pool": facts(intended=True, done=True)},
        lease=lease(),
        cordoned_at=at(-10),
        published=frozenset({"E1"}),
        taken=True,
    )
    observed = seen(
        document=LISTED,
        layers=(sight(reading=reading(Standing.OUT)),),
        budget=True,
        published={"E1": frozenset({"VM2"})},
        backing_off={"cordon": seconds(7)},
        hook_stages=frozenset({Stage.CORDONED}),
    )
    assert situation(observed, state) == Situation(
        reads=Reads.THREAT,
        layers=(
            Layer(
                name="pool",
                cordons=True,
                isolates=True,
                face=Face.OUT,
                missing=True,
                to_isolate=True,
                intended=True,
                done=True,
            ),
        ),
        open=True,
        uses_budget=True,
        lease=Lease.HELD,
        phase=Phase.DRAINING,
        release_owed=True,
        cordoned_noted=True,
        busy=False,
        hooks_due=frozenset({Stage.CORDONED}),
        acks=(Ack(event_id="E1", siblings=True, published=True, published_by_all=True),),
        backing_off={"cordon": seconds(7)},
        wake_after=seconds(7),
    )


QUIET_SINCE = {"quiet_since": at(-30)}
RUNNING_OUT = lease(granted_s=-60)
OVER = lease(granted_s=-120)
EARLIER_BOOT = replace(at(-7200), boot="earlier")
LANDED = Window(since=at(-3600), lasts=seconds(1))
LAPSED = Window(since=at(-3601), lasts=seconds(1))


@pytest.mark.parametrize(
    ("fact", "value", "observed", "state"),
    [
        ("reads", Reads.UNREADABLE, seen(document=BLIND), State()),
        ("reads", Reads.QUIET, seen(document=BLIND), State(wishes=Wishes(restore=True))),
        ("quiet_noted", True, seen(), opened(**QUIET_SINCE)),
        ("quiet_noted", False, seen(), opened()),
        ("terms_noted", True, seen(document=LISTED), opened()),
        ("terms_noted", True, seen(document=LISTED), State()),
        ("terms_noted", True, seen(), opened()),
        ("terms_noted", False, seen(document=document(notice(due_s=241))), opened()),
        ("terms_noted", False, seen(document=LISTED), opened(terms={"E1": terms(), "E2": terms("E2")})),
        (
            "terms_noted",
            True,
            seen(document=LISTED),
            opened(terms={"E1": terms(), "E2": terms("E2", force_at=None)}),
        ),
        ("uses_budget", True, seen(budget=True), State()),
        ("uses_budget", False, seen(budget=False, document=LISTED), opened()),
        (
            "uses_budget",
            False,
            seen(budget=True, document=LISTED),
            opened(terms={"E1": terms(use_budget=False)}),
        ),
        ("takes_rebooting", True, seen(), State()),
        ("takes_rebooting", False, seen(document=document(notice(type="Preempt", due_s=30))), State()),
        ("lease_unsettled", False, seen(), State()),
        ("lease_unsettled", False, seen(), opened(lease=lease())),
        (
            "lease_unsettled",
            True,
            seen(),
            opened(lease=lease(trying=Window(since=at(-1), lasts=seconds(2)))),
        ),
        ("yielded", True, seen(), opened(yielded=True)),
        ("yielded", False, seen(), opened()),
        ("cordoned_noted", False, seen(), opened()),
        ("hook_aborted", False, seen(), opened()),
        (
            "hook_aborted",
            True,
            seen(),
            opened(hooks={Stage.BEFORE_RESTORE: HookFacts(aborted=True)}),
        ),
        ("healthy", False, seen(passes=2), opened()),
        ("healthy", True, seen(passes=2), opened(failing=True)),
        ("lease", Lease.NONE, seen(), opened(lease=lease(given_up=at(0)))),
        ("lease", Lease.NONE, seen(), opened(lease=lease(phase=None))),
        ("lease", Lease.NONE, seen(), opened(lease=lease(term=None))),
        ("lease", Lease.HELD, seen(), opened(lease=lease(granted_s=-59))),
        ("lease", Lease.DUE, seen(), opened(lease=RUNNING_OUT)),
        ("lease", Lease.EXPIRED, seen(), opened(lease=OVER)),
        ("release_owed", True, seen(), opened(lease=OVER)),
        ("release_owed", True, seen(), opened(lease=replace(OVER, given_up=at(-119)))),
        ("release_owed", False, seen(), opened(lease=replace(OVER, given_up=at(-120)))),
        ("release_owed", True, seen(), opened(lease=replace(OVER, given_up=EARLIER_BOOT))),
        ("release_owed", True, seen(), opened(lease=replace(OVER, given_up=at(-3599), lands=LANDED))),
        ("release_owed", True, seen(), opened(lease=replace(OVER, given_up=at(-3600), lands=LANDED))),
        ("release_owed", True, seen(), opened(lease=replace(OVER, given_up=at(-3600), trying=LANDED))),
        ("release_owed", False, seen(), opened(lease=replace(OVER, given_up=at(-3601), lands=LAPSED))),
        ("release_owed", True, seen(), opened(lease=lease(given_up=at(-3599), term=None))),
        ("release_owed", False, seen(), opened(lease=lease(given_up=at(-3600), term=None))),
        ("release_owed", False, seen(), opened()),
    ],
)
def test_facts(fact: str, value: object, observed: Observation, state: State) -> None:
    """One fact of the situation, and what makes it."""
    assert getattr(situation(observed, state), fact) == value


@pytest.mark.parametrize(
    ("past", "observed", "state"),
    [
        (False, seen(document=document(notice(due_s=61))), State()),
        (True, seen(document=document(notice(due_s=60))), State()),
        (True, seen(document=document(notice(due_s=70)), skew=seconds(10)), State()),
        (False, seen(document=BLIND), opened(terms={"E1": terms(due_s=61)})),
        (True, seen(document=BLIND), opened(terms={"E1": terms(due_s=60)})),
        (False, seen(document=BLIND), opened(terms={"E1": terms(due_s=60)}, **QUIET_SINCE)),
        (False, seen(document=BLIND), opened(terms={"E1": terms(force_at=None)})),
        (False, seen(document=BLIND), State(wishes=Wishes(force_at=at(-1)))),
        (True, seen(document=BLIND), replace(opened(), wishes=Wishes(force_at=at(-1)))),
        (False, seen(), replace(opened(**QUIET_SINCE), wishes=Wishes(force_at=at(-1)))),
        (True, seen(document=LISTED), State(wishes=Wishes(force_at=at(-1)))),
        (
            False,
            seen(document=BLIND),
            replace(opened(terms={"E1": terms(due_s=60)}), wishes=Wishes(skips=frozenset({"E1"}))),
        ),
    ],
)
def test_past_force(past: bool, observed: Observation, state: State) -> None:
    """By the notices seen; blind, by the journal's that nobody skipped; or an operator's word."""
    assert situation(observed, state).past_force is past


@pytest.mark.parametrize(
    ("busy", "changes"),
    [
        (True, {"work": Unmeasured(reason="not counted")}),
        (True, {"work": InFlight(count=1)}),
        (True, {"still_since": None}),
        (True, {"still_since": at(-1)}),
        (False, {"still_since": at(-2)}),
        (False, {"still_since": at(0), "document": document()}),
    ],
)
def test_busy(busy: bool, changes: dict[str, Any]) -> None:
    """In flight, unmeasured, or not quiet for as long as the notice's rule asks."""
    assert situation(seen(**{"document": LISTED, **changes}), opened()).busy is busy


@pytest.mark.parametrize(
    ("before", "observed", "state"),
    [
        (True, seen(), opened(cordoned_at=at(-9999))),
        (True, seen(document=document(notice(due_s=1))), opened()),
        (False, seen(document=document(notice(due_s=0))), opened()),
        (False, seen(document=document(notice(due_s=10)), skew=seconds(10)), opened()),
        (True, seen(document=LISTED), State()),
        (True, seen(document=LISTED), opened(cordoned_at=at(-119))),
        (False, seen(document=LISTED), opened(cordoned_at=at(-120))),
    ],
)
def test_the_drains_deadline(before: bool, observed: Observation, state: State) -> None:
    """NotBefore by the platform's clock, or the drain's time since it was noted out."""
    assert situation(observed, state).before_deadline is before


@pytest.mark.parametrize(
    ("settled", "footing", "state"),
    [
        (False, Footing.STEADY, State()),
        (False, Footing.STEADY, opened()),
        (False, Footing.STEADY, opened(quiet_since=at(-29))),
        (True, Footing.STEADY, opened(quiet_since=at(-30))),
        (False, Footing.NEW, opened(quiet_since=at(-299))),
        (True, Footing.NEW, opened(quiet_since=at(-300))),
        (False, Footing.NEW, opened(quiet_since=at(-599), terms={"E1": terms(settle=2 * SETTLE_NEW)})),
        (True, Footing.NEW, opened(quiet_since=at(-599), terms={})),
        (True, Footing.STEADY, opened(quiet_since=at(0), terms={})),
        (True, Footing.STEADY, opened(quiet_since=at(0), at_once=True)),
    ],
)
def test_settled(settled: bool, footing: Footing, state: State) -> None:
    """Quiet for the longest that a notice's rule asks, longer where the silence is young."""
    assert situation(seen(document=document(footing=footing)), state).settled is settled


def test_what_wakes_a_wait() -> None:
    """A notice that comes inside its lead or a back-off that ends, whichever is first; never in the past."""
    ahead = document(notice(due_s=400))
    assert situation(seen(), State()).wake_after is None
    assert situation(seen(document=ahead), State()).wake_after == seconds(100)
    assert situation(seen(document=ahead, skew=seconds(30)), State()).wake_after == seconds(70)
    resting = {"note": seconds(200), "open": seconds(90)}
    assert situation(seen(document=ahead, backing_off=resting), State()).wake_after == seconds(90)
    assert situation(seen(backing_off={"note": seconds(-5)}), State()).wake_after == seconds(0)
