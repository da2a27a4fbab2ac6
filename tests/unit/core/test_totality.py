"""The table over its abstract states: some row everywhere, every row somewhere, nothing unsafe anywhere."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache

import pytest

from drainer.core.decide import TABLE, Decision, decide
from drainer.core.model import Face, Phase
from drainer.core.situation import Reads, Situation
from drainer.core.step import (
    Acknowledge,
    Acquire,
    Close,
    Cordon,
    Isolate,
    Open,
    Release,
    Restore,
    Wait,
    name_of,
)
from tests.unit.core.states import layer_states, situations


@cache
def decided() -> tuple[tuple[Situation, Decision], ...]:
    """Every abstract state with what the table says of it: nothing raises, so the table is total."""
    return tuple((s, decide(s)) for reads in Reads for s in situations(reads))


def where(step: type) -> list[tuple[Situation, Decision]]:
    found = [(s, d) for s, d in decided() if isinstance(d.step, step)]
    assert found, f"no state leads to {step.__name__}"
    return found


def test_every_layer_state_and_every_row_is_met() -> None:
    """Each row wins somewhere, and each kind of layers was asked about."""
    rows = Counter(decision.row for _, decision in decided())
    assert [row.name for row in TABLE if row.name not in rows] == []
    assert len({s.layers for s, _ in decided()}) == len(layer_states())


def test_exactly_one_row_wins() -> None:
    """The row that won is the first that is true and does not pass its turn; its step is the printed one."""
    by_name = {row.name: row for row in TABLE}
    for s, decision in decided():
        row = by_name[decision.row]
        assert row.reads is s.reads
        assert row.when(s)
        backs_off = isinstance(decision.step, Wait) and decision.step.reason.startswith("back-off")
        printed = re.match(r"[A-Za-z]+", row.does)
        assert printed is not None
        assert name_of(decision.step) == printed[0].lower() or (backs_off and not row.passes)


def test_deciding_twice_is_deciding_once() -> None:
    """The same situation, the same decision."""
    for s, decision in decided()[::97]:
        assert decide(s) == decision


def test_nothing_is_given_back_under_threat() -> None:
    """Restore and Close need quiet; Release too, but for a yielded VM's lease."""
    for s, _ in (*where(Restore), *where(Close)):
        assert s.reads is Reads.QUIET
    for s, decision in where(Release):
        assert s.reads is Reads.QUIET or (decision.row == "P8a" and s.yielded and s.face_in)


def test_blind_changes_nothing_but_what_two_rows_say() -> None:
    """An unreadable document waits, renews, or cordons what the journal knows to be past its force."""
    steps = {type(d.step) for s, d in decided() if s.reads is Reads.UNREADABLE}
    assert steps == {Wait, Acquire, Cordon}
    for s, decision in decided():
        if s.reads is Reads.UNREADABLE and isinstance(decision.step, Cordon):
            assert (decision.row, s.open, s.quiet_noted, s.past_force) == ("P1", True, False, True)


def test_nothing_is_acknowledged_unproven() -> None:
    """Every layer read back out, nothing in flight, nothing left to isolate; or no proof asked for."""
    for s, decision in where(Acknowledge):
        proof = (
            not s.busy and not s.to_isolate and all(layer.face is not Face.UNREADABLE for layer in s.layers)
        )
        out = all(layer.face is Face.OUT for layer in s.drain_face)
        assert (proof and out) or any(ack.unproven for ack in s.acks), decision


def test_nothing_is_acknowledged_without_its_lease_or_its_siblings() -> None:
    """Where a budget is in use the lease outlives us first; where siblings are named all have published."""
    for s, _ in where(Acknowledge):
        assert not (s.uses_budget and s.takes_rebooting) or (s.phase is Phase.REBOOTING and s.lease_live)
        assert all(not ack.siblings or ack.published_by_all for ack in s.acks)


def test_a_hard_gate_holds_cordon_and_isolate() -> None:
    """Neither force nor blindness takes anything out under a hard gate."""
    for s, _ in (*where(Cordon), *where(Isolate)):
        assert s.hard_gate is None


def test_a_soft_gate_holds_until_force() -> None:
    """Before force a soft gate holds a Cordon; past it a cordon says that it was forced."""
    for s, decision in where(Cordon):
        assert isinstance(decision.step, Cordon)
        assert s.past_force or s.soft_gate is None
        assert decision.step.forced is bool(s.soft_gate or (s.uses_budget and not s.lease_live))


def test_no_cordon_without_a_lease_before_force() -> None:
    """Where a budget is in use, its lease comes first; force alone goes without."""
    for s, _ in where(Cordon):
        assert not s.uses_budget or s.lease_live or s.past_force


def test_nothing_is_isolated_before_the_drain_ended() -> None:
    """Isolate needs the drain proven or its deadline past, and never repeats what is removed."""
    for s, decision in where(Isolate):
        assert isinstance(decision.step, Isolate)
        assert s.drained or not s.before_deadline
        assert decision.step.layer in s.to_isolate
        assert not s.face_in


def test_only_what_is_ours_is_given_back() -> None:
    """Restore touches a layer that was In, that we intended out, and of which something is missing."""
    for s, decision in where(Restore):
        assert isinstance(decision.step, Restore)
        layer = next(layer for layer in s.layers if layer.name == decision.step.layer)
        assert layer.was_in
        assert layer.intended
        assert layer.missing
        assert layer.readable


def test_giving_back_waits_for_settling_hold_and_health() -> None:
    """No Restore while settling, under hold, with a failing application, or after a hook's abort."""
    for s, _ in where(Restore):
        assert s.settled
        assert not s.hold
        assert s.healthy
        assert not s.hook_aborted


def test_nothing_is_closed_over_what_we_owe() -> None:
    """Close leaves no layer of ours out or unread, no write in the air, and no live lease."""
    for s, _ in where(Close):
        assert not s.to_restore
        assert not s.ours_unread
        assert not s.unsettled
        assert not s.release_owed


def test_a_yielded_vm_is_left_in() -> None:
    """Once somebody insisted, nothing that takes work is taken out again, and nothing more is removed."""
    for s, _ in where(Cordon):
        assert not (s.yielded and s.face_in)
    for s, _ in where(Isolate):
        assert not s.yielded


def test_an_episode_opens_once_and_joins_only_what_it_read() -> None:
    """Open begins an episode, or records layers that were read."""
    for s, decision in where(Open):
        assert isinstance(decision.step, Open)
        readable = {layer.name for layer in s.layers if layer.readable}
        assert not s.open or set(decision.step.layers) <= readable


@pytest.mark.parametrize("lease", ["DUE", "EXPIRED"])
def test_no_lease_lapses_while_we_stand_on_it(lease: str) -> None:
    """With a renewal due, layers of ours out or unread, and nothing backing off, no row waits."""
    for s, decision in decided():
        standing = s.open and any(layer.ours and (layer.missing or not layer.readable) for layer in s.layers)
        if s.lease.name == lease and standing and not s.backing_off and not s.resting_in:
            assert not isinstance(decision.step, Wait), decision
