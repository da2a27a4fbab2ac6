"""Operators' wishes folded into a state: what each changes, and that it changes nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from drainer.core.episode import Episode, HookFacts, LayerFacts, State, Wishes
from drainer.core.fold_wishes import wished
from drainer.core.model import Membership, Stage, Standing
from drainer.core.wish import Adopt, Drain, Ended, Force, Hold, Restore, Resume, Skip, Wish
from tests.unit.core.given import NOW, WISHES, at, episode, facts, reading

OUT = facts(intended=True, done=True, returned=1, generation="g")
EPISODE = episode(
    layers={"pool": OUT, "probe": facts(intended=True)},
    hooks={stage: HookFacts(waits=1, aborted=True) for stage in Stage},
    yielded=True,
)
STATE = State(episode=EPISODE, wishes=WISHES)
AT_REST = State(wishes=WISHES)


def then(wish: Wish, state: State = STATE) -> State:
    return wished(state, wish, NOW)


@pytest.mark.parametrize(
    ("wish", "changes"),
    [
        (Drain(reason="y"), {"drain": Drain(reason="y"), "drain_since": NOW}),
        (Skip(event_id="E7"), {"skips": frozenset({"E7", "E9"})}),
        (Hold(until=at(5).wall), {"hold_until": at(5).wall}),
        (Force(), {"force_at": NOW}),
        (Ended(wish="drain"), {"drain": None, "drain_since": None}),
        (Ended(wish="hold"), {"hold_until": None}),
        (Ended(wish="force"), {"force_at": None}),
        (Ended(wish="skip", event_id="E9"), {"skips": frozenset()}),
        (Ended(wish="skip", event_id="E7"), {}),
        (Ended(wish="prophecy"), {}),
    ],
)
def test_wishes_are_kept_and_end(wish: Wish, changes: dict[str, Any]) -> None:
    """Each is remembered until it has run its course, and touches no episode."""
    assert then(wish) == replace(STATE, wishes=replace(WISHES, **changes))


def test_restore() -> None:
    """All notices present are skipped, a drain and a force are over, everything goes back at once."""
    wishes = replace(WISHES, drain=None, drain_since=None, force_at=None)
    assert then(Restore(event_ids=("E5",))) == State(
        episode=replace(EPISODE, at_once=True), wishes=replace(wishes, skips=frozenset({"E1", "E5", "E9"}))
    )
    assert then(Restore(event_ids=("E5",)), AT_REST) == State(
        wishes=replace(wishes, skips=frozenset({"E5", "E9"}), restore=False)
    )
    unasked = replace(STATE, wishes=Wishes())
    assert then(Restore(), unasked).wishes.restore


def test_resume() -> None:
    """A hold, a yield and every hook's no are over; what was tried and waited for stands."""
    wishes = replace(WISHES, hold_until=None)
    assert then(Resume(), AT_REST) == State(wishes=wishes)
    assert then(Resume()) == State(
        episode=replace(
            EPISODE,
            yielded=False,
            hooks={stage: HookFacts(waits=1) for stage in Stage},
            layers={**EPISODE.layers, "pool": replace(OUT, returned=0)},
        ),
        wishes=wishes,
    )


LEFT = Membership(entries=reading(Standing.OUT).entries, generation="g")
OURS = LayerFacts(was=Membership(entries=reading().entries, generation="g"), intended=True, adopted=True)


def test_adopt_without_an_episode() -> None:
    """One is opened whose layers were all in and are ours."""
    adopted = then(Adopt(layers={"pool": LEFT, "probe": None}), AT_REST)
    assert adopted == State(
        episode=Episode(
            id="adopted-20260101T000000Z",
            opened=NOW,
            vm="",
            vm_id="",
            policy="",
            terms={},
            layers={"pool": OURS, "probe": LayerFacts(was=None, intended=True, adopted=True)},
            adopted=True,
            taken=True,
        ),
        wishes=WISHES,
    )


def test_adopt_in_an_open_episode() -> None:
    """Only layers of which nothing is recorded are taken over."""
    asked = Adopt(layers={"pool": LEFT, "new": LEFT})
    layers = {**EPISODE.layers, "new": OURS}
    assert then(asked) == replace(STATE, episode=replace(EPISODE, layers=layers, adopted=True, taken=True))
