"""The crash matrix in short: each step and moment once, and the proof that its judges can see."""

from __future__ import annotations

import pytest

from drainer.core.model import Phase
from tests.crash.matrix import Cell, Moment, acting, cells, findings, lived, run, unreached, whole
from tests.crash.stories import RESTARTS, STORIES, Told


@pytest.fixture(scope="module")
def stories() -> dict[str, Told]:
    return {name: whole(name) for name in STORIES}


def test_every_acting_step_is_in_the_matrix(stories: dict[str, Told]) -> None:
    """Each step of the union but the only idle is taken by a story, and dies at each of its moments."""
    assert unreached(stories) == frozenset()
    of_step: dict[str, set[Moment]] = {name: set() for name in acting()}
    for cell in cells(stories):
        of_step[cell.step].add(cell.moment)
    recorded = {Moment.BEFORE_INTENT, Moment.AFTER_OUTCOME}
    for step, moments in of_step.items():
        assert moments == recorded or moments | {Moment.HALF} == set(Moment), step


def test_a_step_that_no_story_takes_is_seen(stories: dict[str, Told]) -> None:
    """Without the story that publishes, Publish is missing."""
    assert "publish" in unreached({"meddled": stories["meddled"]})


@pytest.mark.parametrize("restart", RESTARTS)
def test_each_step_and_moment_once(stories: dict[str, Told], restart: str) -> None:
    """Every cell of one of each kind ends as it must."""
    chosen: dict[tuple[str, Moment], Cell] = {}
    for cell in cells(stories, [restart]):
        chosen.setdefault((cell.label, cell.moment), cell)
    assert run(stories, tuple(chosen.values())) == ()


@pytest.mark.slow
def test_the_whole_matrix(stories: dict[str, Told]) -> None:
    """Every cell ends as it must."""
    assert run(stories, tuple(cells(stories))) == ()


def test_a_wrong_ending_is_a_finding(stories: dict[str, Told]) -> None:
    """A layer left out, a lease left behind and a journal that goes on under another VM are all seen."""
    first = next(cell for cell in cells(stories, ["same boot"]) if cell.step == "release")
    told = lived(first)
    told.web.watched.take_out("web/a")
    told.budget.hand.dies_at = None
    told.budget.acquire(Phase.DRAINING, forced=True)
    assert len(findings(first, told, stories[first.story])) == 2
    elsewhere = next(cell for cell in cells(stories, ["another VM"]) if cell.step == "isolate")
    moved = lived(elsewhere)
    moved.store.lines.append("{}")
    assert len(findings(elsewhere, moved, stories[elsewhere.story])) == 1
