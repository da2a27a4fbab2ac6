"""What may say "not yet": gates, hooks that are due, and what must be so before an acknowledgement."""

from __future__ import annotations

from dataclasses import replace

import pytest

from drainer.core.assess import Observation, assess
from drainer.core.episode import HookFacts, State, Wishes
from drainer.core.gates import HOOK_FAILURES, HOOK_WAITS, member_gates
from drainer.core.model import Face, Stage, Unreadable
from drainer.core.policy import Acknowledge, Policy, Rule
from drainer.core.situation import Ack, Layer, Reads, Situation
from drainer.core.wish import OPERATOR_ID, Drain
from tests.unit.core.given import NOW, POLICY, at, document, notice, opened, seconds, seen, sight, terms

TWO = replace(POLICY, min_in_service=2)
BLIND = Unreadable(kind="timeout", reason="no answer")
LISTED = document(notice())
ALONE = notice(resources=("vm1",))
ALL_STAGES = frozenset(Stage)
DRAINED = frozenset({Stage.DRAINED})
IN = Layer(name="pool", cordons=True, isolates=True, face=Face.IN, reads_in=True)


def gates(others: int, policy: Policy = TWO) -> list[tuple[str, bool]]:
    """The gates closed, and whether each is hard, where this many others are in service."""
    return [(gate.name, gate.hard) for gate in member_gates(policy, (IN,), (sight(others=others),))]


def situation(observed: Observation, state: State) -> Situation:
    return assess(observed, state, POLICY).situation


@pytest.mark.parametrize(
    ("others", "closed"),
    [
        (0, [("keep-last", True), ("min-in-service", False)]),
        (1, [("min-in-service", False)]),
        (2, []),
        (3, []),
    ],
)
def test_as_many_others_as_asked_are_enough(others: int, closed: list[tuple[str, bool]]) -> None:
    """Fewer close the soft gate, none closes the hard one too."""
    assert gates(others) == closed


def test_the_last_one_goes_where_the_policy_allows_it() -> None:
    """Without keep-last and without a minimum nothing is counted."""
    assert gates(0, replace(TWO, keep_last=False, min_in_service=0)) == []


@pytest.mark.parametrize(
    ("closed", "observed", "wishes"),
    [
        ([], seen(), Wishes()),
        (["hold"], seen(), Wishes(hold_until=at(1).wall)),
        ([], seen(), Wishes(hold_until=at(0).wall)),
        (["budget"], seen(denied="another one drains"), Wishes()),
        (["hook"], seen(hook_stages=ALL_STAGES, backing_off={"hook before-cordon": seconds(1)}), Wishes()),
        ([], seen(hook_stages=ALL_STAGES, backing_off={"hook cordoned": seconds(1)}), Wishes()),
        ([], seen(backing_off={"hook before-cordon": seconds(1)}), Wishes()),
        (
            ["hold", "keep-last", "min-in-service", "budget"],
            seen(denied="x", layers=(sight(others=0),)),
            Wishes(hold_until=at(1).wall),
        ),
    ],
)
def test_gates(closed: list[str], observed: Observation, wishes: Wishes) -> None:
    """What says "not yet", in order; a denied budget is soft and says why, an operator's hold is a hold."""
    found = situation(observed, replace(opened(), wishes=wishes))
    assert [gate.name for gate in found.gates] == closed
    assert [gate.hard for gate in found.gates] == [gate in ("hold", "keep-last") for gate in closed]
    assert [gate.reason for gate in found.gates if gate.name == "budget"] == [observed.denied] * (
        "budget" in closed
    )
    assert found.hold is ("hold" in closed)


@pytest.mark.parametrize(
    ("due", "hook"),
    [
        (True, HookFacts()),
        (False, HookFacts(done=True)),
        (False, HookFacts(aborted=True)),
        (True, HookFacts(failures=HOOK_FAILURES - 1, waits=HOOK_WAITS)),
        (False, HookFacts(failures=HOOK_FAILURES)),
        (False, HookFacts(waits=HOOK_WAITS + 1)),
    ],
)
def test_hooks_due(due: bool, hook: HookFacts) -> None:
    """A stage that has hooks, until they said go or no, or failed or waited too often."""
    state = opened(hooks={Stage.DRAINED: hook})
    assert (Stage.DRAINED in situation(seen(hook_stages=ALL_STAGES), state).hooks_due) is due
    assert situation(seen(), state).hooks_due == frozenset()
    assert situation(seen(hook_stages=ALL_STAGES), State()).hooks_due == frozenset()


def test_nobody_is_told_of_the_return_of_what_was_never_out() -> None:
    """The restored hook is due only where something was taken."""
    assert Stage.RESTORED not in situation(seen(hook_stages=ALL_STAGES), opened()).hooks_due
    assert situation(seen(hook_stages=ALL_STAGES), opened(taken=True)).hooks_due == ALL_STAGES


@pytest.mark.parametrize(
    ("acks", "observed", "state"),
    [
        ((), seen(document=LISTED), State()),
        ((), seen(document=BLIND), opened()),
        ((), seen(document=LISTED), opened(acknowledged=frozenset({"E1"}))),
        ((), seen(document=LISTED), opened(terms={"E1": terms(acknowledge=Acknowledge.NEVER)})),
        ((), seen(document=LISTED, hook_stages=DRAINED), opened()),
        ((), seen(document=LISTED), opened(hooks={Stage.DRAINED: HookFacts(aborted=True)})),
        ((Ack(event_id="E1", siblings=True),), seen(document=LISTED), opened()),
        (
            (Ack(event_id="E1", siblings=True),),
            seen(document=document(notice(due_s=60)), hook_stages=DRAINED),
            opened(),
        ),
        (
            (Ack(event_id="E1", siblings=True, published_by_all=True),),
            seen(document=LISTED, published={"E1": frozenset({"VM2"})}),
            opened(),
        ),
    ],
)
def test_acknowledgements(acks: tuple[Ack, ...], observed: Observation, state: State) -> None:
    """Scheduled, allowed, not yet acknowledged; no hook to wait for before force, and none that said no."""
    assert situation(observed, state).acks == acks


def test_at_drain_end_needs_no_proof_where_no_other_vm_is_named() -> None:
    """An event of this VM alone may go unproven; one that names siblings may not."""
    policy = replace(POLICY, rules=(Rule(acknowledge=Acknowledge.AT_DRAIN_END),))
    state = opened(terms={})
    alone = assess(seen(document=document(ALONE)), state, policy).situation.acks
    both = assess(seen(document=LISTED), state, policy).situation.acks
    assert alone == (Ack(event_id="E1", unproven=True, published_by_all=True),)
    assert both == (Ack(event_id="E1", siblings=True),)


def test_an_operators_own_drain_is_acknowledged_to_nobody() -> None:
    """It has terms, and no event that the platform could start."""
    state = replace(opened(), wishes=Wishes(drain=Drain(reason="x"), drain_since=NOW))
    found = assess(seen(), state, POLICY)
    assert found.threat is not None
    assert found.situation.reads is Reads.THREAT
    assert found.situation.acks == ()


def test_nothing_is_acknowledged_blind() -> None:
    """An operator's drain makes a threat also where the document is unread; its notices are only believed."""
    state = replace(opened(), wishes=Wishes(drain=Drain(reason="x"), drain_since=NOW))
    found = assess(seen(document=BLIND), state, POLICY)
    assert found.threat is not None
    assert [terms.event_id for terms in found.threat.terms] == [OPERATOR_ID, "E1"]
    assert found.situation.acks == ()
