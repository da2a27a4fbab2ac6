"""One layer as read, weighed against what the journal knows of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from drainer.core.episode import LayerFacts, Window
from drainer.core.layers import LayerSight, layers_of
from drainer.core.model import Entry, Face, Membership, Standing, Unreadable
from drainer.core.situation import Layer
from tests.unit.core.given import NOW, at, episode, facts, reading, seconds, sight

UNREAD = Unreadable(kind="timeout", reason="no answer")
LANDING = Window(since=at(-1), lasts=seconds(2))
OVER = Window(since=at(-2), lasts=seconds(2))
PAIR = Membership(entries=(Entry(name="a", standing=Standing.IN), Entry(name="b", standing=Standing.IN)))


def weighed(seen: LayerSight, known: LayerFacts | None) -> Layer:
    state = episode(layers={"pool": known} if known else {})
    (layer,) = layers_of((seen,), state, NOW)
    return layer


def in_again(**changes: object) -> Layer:
    """A layer of the policy's that was in when the episode opened and is in."""
    layer = Layer(name="pool", cordons=True, isolates=True, face=Face.IN, reads_in=True, to_isolate=True)
    return replace(layer, **changes)  # type: ignore[arg-type]


def unread(**changes: object) -> Layer:
    layer = Layer(name="pool", cordons=True, isolates=True, face=Face.UNREADABLE)
    return replace(layer, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("known", "layer"),
    [
        (facts(), in_again()),
        (facts(intended=True), in_again(intended=True)),
        (facts(intended=True, done=True), in_again(intended=True, done=True)),
        (facts(attempted=LANDING), in_again(unsettled=True)),
        (facts(lands=LANDING), in_again(unsettled=True)),
        (facts(attempted=OVER, lands=OVER, pending=OVER, pending_step="cordon"), in_again()),
        (facts(pending=LANDING, pending_step="cordon"), in_again(unsettled=True, under_way=True)),
        (facts(pending=LANDING, pending_step="restore"), in_again(unsettled=True)),
        (
            facts(was=reading(Standing.OUT)),
            in_again(was_in=False, reads_in=False, newly_in=True, to_isolate=False),
        ),
        (
            facts(was=reading(name="other")),
            in_again(reads_in=False, newly_in=True, missing=True, to_isolate=False),
        ),
        (facts(was=PAIR), in_again(missing=True)),
        (
            facts(was=None),
            in_again(recorded=False, was_in=False, reads_in=False, to_isolate=False),
        ),
        (facts(was=None, adopted=True), in_again()),
        (None, in_again(recorded=False, was_in=False, reads_in=False, to_isolate=False)),
    ],
)
def test_a_layer_that_is_read(known: LayerFacts | None, layer: Layer) -> None:
    """In now: what that means by what it was and by what was written to it."""
    assert weighed(sight(), known) == layer


@pytest.mark.parametrize(
    ("known", "layer"),
    [
        (facts(), unread()),
        (facts(intended=True, done=True), unread(intended=True, done=True)),
        (facts(attempted=LANDING), unread(unsettled=True)),
        (facts(attempted=OVER), unread()),
        (facts(was=reading(Standing.OUT)), unread(was_in=False)),
        (facts(was=reading(Standing.OUT), adopted=True), unread(was_in=False)),
        (facts(was=None), unread(recorded=False, was_in=False)),
        (facts(was=None, adopted=True), unread()),
        (None, unread(recorded=False, was_in=False)),
    ],
)
def test_a_layer_that_is_unread(known: LayerFacts | None, layer: Layer) -> None:
    """Nothing is made of a reading that there is not; what the journal knows stands."""
    assert weighed(sight(reading=UNREAD), known) == layer


@pytest.mark.parametrize(
    ("cordons", "isolates", "now", "left"),
    [
        (True, True, reading(Standing.OUT), True),
        (True, True, reading(Standing.OUT, isolated=True), False),
        (True, False, reading(Standing.IN), False),
        (False, True, reading(Standing.IN), True),
        (False, True, reading(Standing.LEAVING), True),
        (False, True, reading(Standing.OUT), False),
    ],
)
def test_what_is_left_to_isolate(cordons: bool, isolates: bool, now: Membership, left: bool) -> None:
    """An entry that was in and is not removed hard; where a layer only removes, out is removed."""
    seen = sight(cordons=cordons, isolates=isolates, reading=now)
    assert weighed(seen, facts()).to_isolate is left


@pytest.mark.parametrize("now", [reading(), UNREAD], ids=["read", "unread"])
def test_what_was_read_last(now: Membership | Unreadable) -> None:
    """In as this life of the daemon last read it, whatever is read now."""
    for last, is_in in ((None, False), (reading(Standing.OUT), False), (reading(), True)):
        assert weighed(sight(reading=now, last=last), facts()).last_in is is_in


def test_a_layer_that_left_the_policy_is_not_forgotten() -> None:
    """While it is ours it stands after the policy's, unread, and does nothing."""
    known = {"gone": facts(intended=True, done=True), "pool": facts(intended=True), "other": facts()}
    layers = layers_of((sight(),), episode(layers=known), NOW)
    gone = unread(name="gone", cordons=False, isolates=False, intended=True, done=True)
    assert layers == (in_again(intended=True), gone)
    assert layers_of((), None, NOW) == ()
