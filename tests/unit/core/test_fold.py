"""Each record folded into a state that has everything: what it changes, and that it changes nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from drainer.core.episode import Episode, HookFacts, LayerFacts, State, Window
from drainer.core.fold import after, fold
from drainer.core.model import Stage, Standing
from drainer.core.record import (
    Body,
    Closed,
    Finished,
    Intended,
    Joined,
    Noted,
    Opened,
    Outcome,
    Record,
    Terms,
)
from drainer.core.step import Noting
from drainer.core.wish import OPERATOR_ID
from tests.unit.core.given import NOW, WISHES, at, episode, facts, lease, reading, seconds, terms

OUT = facts(
    intended=True,
    done=True,
    adopted=True,
    lands=Window(since=at(-5), lasts=seconds(30)),
    returned=1,
    generation="g",
)
EPISODE = episode(
    layers={"pool": OUT, "probe": facts(intended=True)},
    failing=True,
    cordoned_at=at(-20),
    quiet_since=at(-9),
    hooks={stage: HookFacts(waits=1, aborted=True) for stage in Stage},
    lease=lease(),
    published=frozenset({"E0"}),
    acknowledged=frozenset({"E0"}),
    yielded=True,
    at_once=True,
)
STATE = State(episode=EPISODE, wishes=WISHES)
AT_REST = State(wishes=WISHES)


def then(body: Body, state: State = STATE) -> State:
    return after(state, Record(at=NOW, body=body))


def with_episode(**changes: Any) -> State:
    return replace(STATE, episode=replace(EPISODE, **changes))


def with_pool(**changes: Any) -> State:
    return with_episode(layers={**EPISODE.layers, "pool": replace(OUT, **changes)})


def test_a_fold_begins_with_what_it_is_given() -> None:
    """One record after the other, from nothing or from a state that was kept."""
    quiet, failing = (Record(at=NOW, body=Noted(what=what)) for what in (Noting.QUIET_SINCE, Noting.FAILING))
    plain = State(episode=episode())
    assert fold([quiet, failing], plain) == State(episode=episode(quiet_since=NOW, failing=True))
    assert fold([quiet]) == fold([]) == State()
    assert fold([], plain) == plain


def test_opened() -> None:
    """A new episode over its layers and terms; wishes stand."""
    layers = {"pool": reading(), "probe": None}
    opened = Opened(episode="f", vm="vm1", vm_id="i", policy="p", terms=(terms(),), layers=layers)
    assert then(opened, AT_REST) == State(
        episode=Episode(
            id="f",
            opened=NOW,
            vm="vm1",
            vm_id="i",
            policy="p",
            terms={"E1": terms()},
            layers={"pool": LayerFacts(was=reading()), "probe": LayerFacts(was=None)},
        ),
        wishes=WISHES,
    )


def test_closed() -> None:
    """The episode is over, and with it a wish to restore and one to force."""
    assert then(Closed()) == State(wishes=replace(WISHES, restore=False, force_at=None))


@pytest.mark.parametrize(
    "body",
    [
        Joined(layers={"pool": reading()}),
        Noted(what=Noting.TERMS),
        Intended(step="cordon"),
        Finished(step="cordon", outcome=Outcome.DONE),
    ],
)
def test_without_an_episode_there_is_nothing_to_change(body: Body) -> None:
    """A record of an episode that is none changes nothing, no wish either."""
    assert then(body, AT_REST) == AT_REST


def test_joined() -> None:
    """What a layer was is known anew; everything else of it stands. One never heard of begins."""
    other = reading(Standing.OUT)
    layers = {**EPISODE.layers, "pool": replace(OUT, was=other), "new": LayerFacts(was=other)}
    assert then(Joined(layers={"pool": other, "new": other})) == with_episode(layers=layers)


E2 = terms("E2")
FORGOTTEN = terms(force_at=None, not_before=None)


@pytest.mark.parametrize(
    ("note", "state"),
    [
        (Noted(what=Noting.QUIET_SINCE), with_episode(quiet_since=NOW)),
        (Noted(what=Noting.FAILING), with_episode(failing=True)),
        (
            Noted(what=Noting.CORDONED_AT, layers=("probe",)),
            with_episode(
                cordoned_at=NOW,
                taken=True,
                layers={**EPISODE.layers, "probe": facts(intended=True, done=True)},
            ),
        ),
        (
            Noted(what=Noting.TERMS, terms=(E2,)),
            replace(
                with_episode(terms={"E1": FORGOTTEN, "E2": E2}, at_once=False),
                wishes=replace(WISHES, restore=False),
            ),
        ),
        (
            Noted(what=Noting.THREAT_RETURNED, terms=(E2, terms(due_s=999))),
            replace(
                with_episode(
                    terms={"E1": terms(due_s=999), "E2": E2},
                    at_once=False,
                    quiet_since=None,
                    hooks={
                        stage: HookFacts(waits=1, aborted=True)
                        for stage in (Stage.BEFORE_CORDON, Stage.CORDONED, Stage.DRAINED)
                    },
                ),
                wishes=replace(WISHES, restore=False),
            ),
        ),
    ],
    ids=lambda value: value.what.value if isinstance(value, Noted) else "",
)
def test_noted(note: Noted, state: State) -> None:
    """Each fact worth remembering, and the wish that a threat ends."""
    assert then(note) == state


def test_failing_is_noted_of_an_application_that_was_not() -> None:
    """It was believed healthy before."""
    plain = State(episode=episode())
    assert then(Noted(what=Noting.FAILING), plain) == State(episode=episode(failing=True))


UNDER_THREAT = {"quiet_since": None, "yielded": False}


@pytest.mark.parametrize(
    ("known", "note", "given_back", "yielded"),
    [
        ({}, {}, {"returned": 2}, True),
        ({"done": False}, {}, {"returned": 1}, False),
        ({"returned": 0}, {}, {"returned": 1}, False),
        ({}, {"generation": "h"}, {"returned": 1, "generation": "h"}, False),
        ({}, {"partly": True}, {"returned": 2, "intended": True, "adopted": True}, True),
        (
            {"intended": False, "adopted": False},
            {"partly": True},
            {"returned": 2, "intended": False, "adopted": False},
            True,
        ),
    ],
)
def test_returned_under_threat(
    known: dict[str, Any], note: dict[str, Any], given_back: dict[str, Any], yielded: bool
) -> None:
    """Somebody gave a layer back that we had out: no longer ours, and the second time it is theirs."""
    given = {"layer": "pool", "generation": "g", **note}
    start = with_episode(**UNDER_THREAT, layers={"pool": replace(OUT, **known)})
    pool = replace(OUT, **{"intended": False, "adopted": False, "done": False, **given_back})
    end = with_episode(quiet_since=None, yielded=yielded, layers={"pool": pool})
    assert then(Noted(what=Noting.RETURNED, **given), start) == end


def test_returned_in_quiet() -> None:
    """It counts towards no yield, and ends none."""
    pool = {"intended": False, "adopted": False, "done": False, "returned": 1}
    assert then(Noted(what=Noting.RETURNED, layer="pool", generation="g")) == with_pool(**pool)


NO = Finished(step="hook", stage=Stage.BEFORE_CORDON, outcome=Outcome.ABORT)


def test_a_hooks_no_before_the_cordon_skips_the_notices() -> None:
    """All that the journal knows of, and an operator's drain with them; the stage is asked anew."""
    own: dict[str, Terms] = {**EPISODE.terms, OPERATOR_ID: terms(OPERATOR_ID)}
    start, hooks = with_episode(terms=own), {**EPISODE.hooks, Stage.BEFORE_CORDON: HookFacts()}
    wishes = replace(WISHES, drain=None, drain_since=None, skips=frozenset({"E9", "E1"}))
    assert then(NO, start) == replace(with_episode(terms=own, hooks=hooks), wishes=wishes)


@pytest.mark.parametrize(
    "answer",
    [
        replace(NO, stage=Stage.BEFORE_RESTORE),
        replace(NO, outcome=Outcome.WAIT),
        replace(NO, step="cordon"),
    ],
)
def test_no_other_answer_skips_a_notice(answer: Finished) -> None:
    """Another stage's no, or another answer of the same stage, leaves the wishes alone."""
    assert then(answer).wishes == WISHES
