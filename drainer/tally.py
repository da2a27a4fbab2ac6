"""Counters since this life began: documents read, steps taken. For metrics; nobody decides by them."""

from __future__ import annotations

from collections import Counter
from typing import Protocol

from drainer.acted import UNDER_WAY
from drainer.core.episode import Episode
from drainer.core.record import Finished, Outcome
from drainer.core.step import Step


class Polls(Protocol):
    reads: int
    failures: dict[str, int]


class Tally:
    """Names are metric names without their prefix, labels in braces, as Prometheus writes them."""

    def __init__(self) -> None:
        self._steps: Counter[str] = Counter()
        self._polls: dict[str, float] = {}
        self._episode = ""

    def acted(self, step: Step, outcomes: tuple[Finished, ...]) -> None:
        for outcome in outcomes:
            self._steps[f'steps_total{{step="{outcome.step}",outcome="{outcome.outcome.value}"}}'] += 1
            if _failed(outcome):
                key = f'step_failures_total{{step="{outcome.step}",kind="{outcome.kind}"}}'
                self._steps[key] += 1

    def saw(self, episode: Episode | None) -> None:
        """Count an episode once, when it is first seen open in this life."""
        if episode is not None and episode.id != self._episode:
            self._episode = episode.id
            self._steps["episodes_total"] += 1

    def polled(self, polls: Polls) -> None:
        failed = dict(polls.failures)
        read = polls.reads - sum(failed.values())
        self._polls = {'documents_total{result="read"}': float(read)}
        for kind, count in failed.items():
            self._polls[f'documents_total{{result="{kind}"}}'] = float(count)

    def counters(self) -> dict[str, float]:
        return {**self._polls, **{key: float(count) for key, count in self._steps.items()}}


def _failed(outcome: Finished) -> bool:
    """A refusal before anything was changed is a failure like any other; a proof under way is none."""
    if outcome.outcome is Outcome.UNTOUCHED:
        return outcome.kind != UNDER_WAY
    return outcome.outcome is Outcome.FAILED
