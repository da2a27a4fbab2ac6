"""What a situation says of its layers, gates and leases folded."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from drainer.core.model import Face, Phase
from drainer.core.situation import Ack, Gate, Layer, Lease, Reads, Situation

IN = Layer(name="in", cordons=True, isolates=False, face=Face.IN, reads_in=True)
OUT = Layer(name="out", cordons=True, isolates=False, face=Face.OUT, missing=True, intended=True)
LEAVING = replace(OUT, name="leaving", face=Face.LEAVING)
UNREAD = Layer(name="unread", cordons=True, isolates=False, face=Face.UNREADABLE)
POOL = Layer(name="pool", cordons=False, isolates=True, face=Face.IN, to_isolate=True)
BOTH = replace(OUT, name="both", isolates=True, to_isolate=True)
HELD: dict[str, Any] = {"uses_budget": True, "lease": Lease.HELD}
HARD, SOFT = Gate(name="h", hard=True), Gate(name="s", hard=False)
IDLE: dict[str, Any] = {"busy": False}
FORCE: dict[str, Any] = {"past_force": True}


def under_way(layer: Layer) -> Layer:
    return replace(layer, under_way=True)


@pytest.mark.parametrize(
    ("told", "layers", "facts", "value"),
    [
        ("drain_face", (IN, POOL, OUT), {}, (IN, OUT)),
        ("drain_face", (POOL, replace(POOL, name="q")), {}, (POOL,)),
        ("isolating", (IN, POOL, BOTH), {}, (POOL, BOTH)),
        ("isolating", (POOL, replace(POOL, name="q")), {}, (replace(POOL, name="q"),)),
        ("face_in", (IN, OUT), {}, True),
        ("face_in", (OUT, POOL), {}, False),
        ("face_maybe_in", (UNREAD,), FORCE, True),
        ("face_maybe_in", (UNREAD,), {}, False),
        ("face_maybe_in", (IN,), FORCE, False),
        ("face_maybe_in", (replace(UNREAD, was_in=False),), FORCE, False),
        ("face_maybe_in", (replace(UNREAD, done=True),), FORCE, False),
        ("resting_in", (IN,), {"yielded": True}, True),
        ("resting_in", (IN,), {}, False),
        ("resting_in", (OUT,), {"yielded": True}, False),
        ("to_cordon", (IN, UNREAD, OUT), {}, ("in",)),
        ("to_cordon", (IN, UNREAD, OUT), FORCE, ("in", "unread")),
        ("to_ask_after", (under_way(OUT), under_way(IN), LEAVING), {}, ("out",)),
        ("to_ask_after", (under_way(OUT),), {"gates": (SOFT,)}, ()),
        ("to_ask_after", (under_way(OUT),), {"uses_budget": True}, ()),
        ("to_ask_after", (under_way(OUT),), HELD, ("out",)),
        ("forced", (), FORCE, False),
        ("forced", (), {**FORCE, "gates": (SOFT,)}, True),
        ("forced", (), {"gates": (SOFT,)}, False),
        ("forced", (), {**FORCE, "uses_budget": True}, True),
        ("forced", (), {**FORCE, **HELD}, False),
        ("to_isolate", (IN, POOL, replace(BOTH, to_isolate=False)), {}, ("pool",)),
        ("to_restore", (OUT, BOTH, replace(OUT, name="x", intended=False)), {}, ("both", "out")),
        ("to_restore", (replace(OUT, missing=False), replace(OUT, was_in=False)), {}, ()),
        ("ours_unread", (replace(UNREAD, intended=True),), {}, True),
        ("ours_unread", (UNREAD, OUT), {}, False),
        ("returned", (replace(IN, intended=True), IN), {}, ("in",)),
        ("returned", (replace(IN, intended=True, unsettled=True),), {}, ()),
        ("returned", (replace(IN, intended=True, missing=True),), {}, ()),
        ("returned", (replace(IN, intended=True, missing=True, done=True),), {}, ("in",)),
        ("returned", (OUT,), {}, ()),
        ("joining", (replace(IN, newly_in=True), IN), {}, ("in",)),
        ("joining", (replace(IN, recorded=False),), {}, ("in",)),
        ("joining", (replace(IN, recorded=False, intended=True),), {}, ()),
        ("joining", (replace(UNREAD, recorded=False),), {}, ()),
        ("read_out", (IN, OUT, UNREAD, LEAVING, POOL), {}, ("out", "leaving")),
        ("given_back", (replace(IN, intended=True),), {}, ("in",)),
        ("given_back", (replace(IN, intended=True, missing=True, done=True),), {}, ()),
        ("given_back", (replace(IN, intended=True, unsettled=True),), {}, ()),
        ("given_back", (IN, OUT), {}, ()),
        ("face_out", (OUT, LEAVING), {}, True),
        ("face_out", (OUT, IN), FORCE, False),
        ("face_out", (OUT, UNREAD), {}, False),
        ("face_out", (OUT, UNREAD), FORCE, True),
        ("face_out", (OUT, replace(UNREAD, done=True)), {}, True),
        ("drained", (OUT, POOL), IDLE, True),
        ("drained", (OUT,), {}, False),
        ("drained", (OUT, LEAVING), IDLE, False),
        ("proven", (OUT,), IDLE, True),
        ("proven", (OUT,), {}, False),
        ("proven", (OUT, POOL), IDLE, False),
        ("proven", (OUT, replace(POOL, face=Face.UNREADABLE, to_isolate=False)), IDLE, False),
        ("proven", (), IDLE, False),
        ("hard_gate", (), {"gates": (SOFT, HARD)}, HARD),
        ("hard_gate", (), {"gates": (SOFT,)}, None),
        ("soft_gate", (), {"gates": (HARD, SOFT)}, SOFT),
        ("soft_gate", (), {"gates": (HARD,)}, None),
        ("rebooting", (), {**HELD, "phase": Phase.REBOOTING}, True),
        ("rebooting", (), {"phase": Phase.REBOOTING}, False),
        ("rebooting", (), {**HELD, "phase": Phase.DRAINING}, False),
        ("rebooting_wanted", (), {"uses_budget": True}, True),
        ("rebooting_wanted", (), {"uses_budget": True, "takes_rebooting": False}, False),
        ("rebooting_wanted", (), {}, False),
        ("unsettled", (OUT,), {}, False),
        ("unsettled", (OUT,), {"lease_unsettled": True}, True),
        ("unsettled", (OUT, replace(POOL, unsettled=True)), {}, True),
    ],
)
def test_what_is_told(told: str, layers: tuple[Layer, ...], facts: dict[str, Any], value: object) -> None:
    """Each word that the table uses, by the layers and facts that make it so or not."""
    assert getattr(Situation(reads=Reads.THREAT, layers=layers, **facts), told) == value


@pytest.mark.parametrize(
    ("lease", "live", "due"),
    [
        (Lease.NONE, False, False),
        (Lease.HELD, True, False),
        (Lease.DUE, True, True),
        (Lease.EXPIRED, False, True),
    ],
)
def test_leases(lease: Lease, live: bool, due: bool) -> None:
    """Live until it expires; to be renewed from half its life on."""
    situation = Situation(reads=Reads.THREAT, lease=lease)
    assert (situation.lease_live, situation.renewal_due) == (live, due)


def test_what_may_be_acknowledged_now() -> None:
    """With proof all of them; without it those that need none."""
    acks = (Ack(event_id="E1"), Ack(event_id="E2", unproven=True))
    assert Situation(reads=Reads.THREAT, layers=(OUT,), busy=False, acks=acks).acks_now == acks
    assert Situation(reads=Reads.THREAT, layers=(OUT,), acks=acks).acks_now == acks[1:]
