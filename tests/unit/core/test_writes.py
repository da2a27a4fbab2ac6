"""Intents and outcomes: what of ours can still land, and what a clean answer settles."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from drainer.core.episode import Episode, HookFacts, LayerFacts, LeaseFacts, Window
from drainer.core.fold_writes import WAY_OUT, finished, intended
from drainer.core.model import Instant, Phase, Stage
from drainer.core.record import Finished, Intended, Outcome
from tests.unit.core.given import NOW, at, episode, facts, lease, seconds

SHORT = Window(since=at(-1), lasts=seconds(5))
LONG = Window(since=at(-9), lasts=seconds(90))
NEW = Window(since=NOW, lasts=seconds(60))
HOOKS = {stage: HookFacts(failures=1) for stage in Stage}
EPISODE = episode(
    layers={"pool": facts(), "probe": facts()},
    cordoned_at=at(-20),
    hooks=HOOKS,
    lease=lease(),
    published=frozenset({"E0"}),
    acknowledged=frozenset({"E0"}),
)


def over(pool: LayerFacts) -> Episode:
    return replace(EPISODE, layers={**EPISODE.layers, "pool": pool})


def tried(step: str, pool: LayerFacts, **changes: Any) -> LayerFacts:
    intent = Intended(step=step, layers={"pool": seconds(60)}, **changes)
    return intended(over(pool), intent, NOW).layer("pool")


@pytest.mark.parametrize(
    ("step", "again", "marks"),
    [
        ("cordon", False, {"intended": True, "done": False}),
        ("cordon", True, {"intended": True, "done": True}),
        ("isolate", False, {"intended": True, "done": True}),
        ("restore", False, {"intended": False, "done": False}),
    ],
)
def test_an_attempt_on_a_layer(step: str, again: bool, marks: dict[str, Any]) -> None:
    """It may land until its time is over, and those before it until theirs is."""
    assert tried(step, facts(done=True), again=again) == facts(attempted=NEW, **marks)
    kept = tried(step, facts(intended=True, attempted=SHORT, lands=LONG), again=again)
    assert kept == facts(intended=True, attempted=NEW, lands=LONG)
    kept = tried(step, facts(intended=True, attempted=LONG, lands=SHORT), again=again)
    assert kept == facts(intended=True, attempted=NEW, lands=LONG)


@pytest.mark.parametrize(
    ("intent", "changes"),
    [
        (Intended(step="cordon"), {"cordoned_at": None, "taken": True}),
        (Intended(step="cordon", again=True), {}),
        (Intended(step="isolate"), {}),
        (Intended(step="restore"), {"hooks": {s: f for s, f in HOOKS.items() if s not in WAY_OUT}}),
        (Intended(step="release"), {"lease": lease(given_up=NOW)}),
        (Intended(step="publish", event_id="E1"), {}),
        (
            Intended(step="acquire", lands_for=seconds(60)),
            {"lease": lease(trying=NEW)},
        ),
    ],
)
def test_an_intent_in_an_episode(intent: Intended, changes: dict[str, Any]) -> None:
    """A cordon is not noted out yet; giving back makes the way out's hooks due anew; a lease is tried for."""
    assert intended(EPISODE, intent, NOW) == replace(EPISODE, **changes)


@pytest.mark.parametrize(("trying", "lands"), [(SHORT, LONG), (LONG, SHORT), (LONG, None), (None, LONG)])
def test_acquires_that_may_land(trying: Window | None, lands: Window | None) -> None:
    """The one that lasts longest bounds those before the newest; the first makes a release owed."""
    before = LeaseFacts(trying=trying, lands=lands)
    intent = Intended(step="acquire", lands_for=seconds(60))
    found = intended(replace(EPISODE, lease=before), intent, NOW).lease
    assert found == LeaseFacts(attempted=True, trying=NEW, lands=LONG)


TRIED = facts(intended=True, adopted=True, attempted=SHORT)


@pytest.mark.parametrize(
    ("step", "outcome", "before", "after"),
    [
        ("cordon", Outcome.DONE, TRIED, {"attempted": None, "done": True}),
        ("isolate", Outcome.DONE, TRIED, {"attempted": None, "done": True}),
        ("restore", Outcome.DONE, TRIED, {"attempted": None, "intended": False, "adopted": False}),
        ("restore", Outcome.DONE, replace(TRIED, lands=LONG), {"attempted": None}),
        (
            "restore",
            Outcome.DONE,
            replace(TRIED, pending=LONG, pending_step="isolate"),
            {"attempted": None},
        ),
        (
            "restore",
            Outcome.DONE,
            replace(TRIED, pending=LONG, pending_step="restore"),
            {"attempted": None, "pending": None, "pending_step": "", "intended": False, "adopted": False},
        ),
        (
            "cordon",
            Outcome.DONE,
            replace(TRIED, pending=LONG, pending_step="cordon", lands=LONG),
            {"attempted": None, "pending": None, "pending_step": "", "done": True},
        ),
        ("cordon", Outcome.UNTOUCHED, replace(TRIED, lands=LONG), {"attempted": None}),
        ("cordon", Outcome.FAILED, TRIED, {"attempted": None, "lands": SHORT}),
        ("cordon", Outcome.FAILED, replace(TRIED, lands=LONG), {"attempted": None, "lands": LONG}),
        ("cordon", Outcome.PENDING, TRIED, {"attempted": None, "pending": SHORT, "pending_step": "cordon"}),
        (
            "cordon",
            Outcome.PENDING,
            replace(TRIED, pending=LONG, pending_step="cordon"),
            {"attempted": None, "pending": LONG},
        ),
        (
            "restore",
            Outcome.PENDING,
            replace(TRIED, pending=LONG, pending_step="cordon"),
            {"attempted": None, "pending": SHORT, "pending_step": "restore", "lands": LONG},
        ),
        (
            "restore",
            Outcome.PENDING,
            replace(TRIED, pending=SHORT, pending_step="cordon", lands=LONG),
            {"attempted": None, "pending": SHORT, "pending_step": "restore", "lands": LONG},
        ),
    ],
)
def test_an_answer_of_a_layer(step: str, outcome: Outcome, before: LayerFacts, after: dict[str, Any]) -> None:
    """What it settles, and what may land all the same."""
    answer = Finished(step=step, outcome=outcome, layers=("pool",))
    assert finished(over(before), answer, NOW) == over(replace(before, **after))


def test_an_answer_settles_the_layers_that_it_names() -> None:
    """One step writes several layers; each is answered for."""
    start = replace(EPISODE, layers=dict.fromkeys(("pool", "probe", "other"), TRIED))
    answer = Finished(step="cordon", outcome=Outcome.DONE, layers=("pool", "probe"))
    settled = replace(TRIED, attempted=None, done=True)
    assert finished(start, answer, NOW).layers == {"pool": settled, "probe": settled, "other": TRIED}


GIVEN_UP = lease(trying=SHORT, given_up=NOW)
GRANTED = Finished(step="acquire", outcome=Outcome.DONE, phase=Phase.REBOOTING, until=at(60))


@pytest.mark.parametrize(
    ("answer", "changes"),
    [
        (GRANTED, {"phase": Phase.REBOOTING, "term": NEW, "trying": None, "given_up": None}),
        (
            replace(GRANTED, until=None),
            {
                "phase": Phase.REBOOTING,
                "term": Window(since=NOW, lasts=seconds(0)),
                "trying": None,
                "given_up": None,
            },
        ),
        (replace(GRANTED, outcome=Outcome.DENIED), {"trying": None}),
        (replace(GRANTED, outcome=Outcome.FAILED), {"trying": None, "lands": SHORT}),
        (Finished(step="release", outcome=Outcome.FAILED), {}),
    ],
)
def test_an_answer_of_the_budget(answer: Finished, changes: dict[str, Any]) -> None:
    """Granted from now on, denied for now, or lost: then it may be granted yet."""
    start = replace(EPISODE, lease=GIVEN_UP)
    assert finished(start, answer, NOW) == replace(EPISODE, lease=replace(GIVEN_UP, **changes))


@pytest.mark.parametrize(
    ("before", "after"),
    [(at(-60), at(-60)), (replace(at(-60), boot="earlier"), NOW)],
    ids=["same boot", "another boot"],
)
def test_giving_back_counts_from_the_first_try_of_its_boot(before: Instant, after: Instant) -> None:
    """A second try of one boot is no new beginning; what another boot tried tells no time."""
    start = replace(EPISODE, lease=lease(given_up=before))
    assert intended(start, Intended(step="release"), NOW).lease == lease(given_up=after)


def test_a_lost_acquire_lands_no_sooner_than_one_before_it() -> None:
    """The longest window stands."""
    start = replace(EPISODE, lease=lease(trying=SHORT, lands=LONG))
    found = finished(start, replace(GRANTED, outcome=Outcome.FAILED), NOW)
    assert found.lease == lease(lands=LONG)


@pytest.mark.parametrize(
    ("answer", "changes"),
    [
        (Finished(step="release", outcome=Outcome.DONE), {"lease": LeaseFacts()}),
        (Finished(step="publish", outcome=Outcome.DONE, event_id="E1"), {"published": {"E0", "E1"}}),
        (Finished(step="publish", outcome=Outcome.FAILED, event_id="E1"), {}),
        (Finished(step="acknowledge", outcome=Outcome.DONE, event_id="E1"), {"acknowledged": {"E0", "E1"}}),
        (Finished(step="acknowledge", outcome=Outcome.GONE, event_id="E1"), {"acknowledged": {"E0", "E1"}}),
        (
            Finished(step="acknowledge", outcome=Outcome.REFUSED, event_id="E1"),
            {"acknowledged": {"E0", "E1"}},
        ),
        (Finished(step="acknowledge", outcome=Outcome.FAILED, event_id="E1"), {}),
        (Finished(step="hook", outcome=Outcome.DONE), {}),
        (Finished(step="prophecy", outcome=Outcome.DONE, layers=("pool",)), {}),
    ],
)
def test_an_answer_in_an_episode(answer: Finished, changes: dict[str, Any]) -> None:
    """What is done once is remembered; a failure and a step of a newer release change nothing."""
    assert finished(EPISODE, answer, NOW) == replace(EPISODE, **changes)


@pytest.mark.parametrize(
    ("stage", "outcome", "changes"),
    [
        (Stage.CORDONED, Outcome.DONE, {"done": True}),
        (Stage.CORDONED, Outcome.WAIT, {"waits": 3}),
        (Stage.CORDONED, Outcome.FAILED, {"failures": 2}),
        (Stage.CORDONED, Outcome.ABORT, {"aborted": True}),
        (Stage.BEFORE_CORDON, Outcome.ABORT, {"waits": 0, "failures": 0}),
        (Stage.CORDONED, Outcome.PENDING, {}),
    ],
)
def test_an_answer_of_a_hook(stage: Stage, outcome: Outcome, changes: dict[str, Any]) -> None:
    """Go, wait, failed or no; before the cordon a no begins the stage anew."""
    known = HookFacts(waits=2, failures=1)
    start = replace(EPISODE, hooks={**HOOKS, stage: known})
    answer = Finished(step="hook", stage=stage, outcome=outcome)
    end = replace(EPISODE, hooks={**HOOKS, stage: replace(known, **changes)})
    assert finished(start, answer, NOW) == end


def test_an_answer_that_no_hook_gives_says_nothing_of_its_stage() -> None:
    """A stage that was not asked stays so."""
    start = replace(EPISODE, hooks={})
    answer = Finished(step="hook", stage=Stage.CORDONED, outcome=Outcome.PENDING)
    assert finished(start, answer, NOW) == start
