"""The timeline as tables: commands in, the document at some minute out."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from metadata_server.commands import (
    Advance,
    Approve,
    Cancel,
    Change,
    Command,
    Complete,
    EndFault,
    Join,
    Leave,
    Reset,
    SetFault,
    SetSwitch,
    Silence,
    Start,
    Unsilence,
)
from metadata_server.event import EventStatus, Outcome
from metadata_server.faults import Fault, FaultKind
from metadata_server.scenario import EventType
from metadata_server.timeline import Timeline, timeline
from tests.unit.metadata_server.builders import A, B, at, fail, scenario, schedule

ID = A


def seen(state: Timeline, vm: str = "web1") -> tuple[int, list[str]]:
    document = state.document(vm)
    return document.changes, [f"{event.id[0]} {event.status}" for event in document.events]


LIVES: list[tuple[str, Sequence[Command], float, tuple[int, list[str]]]] = [
    ("idle", [], 60, (0, [])),
    ("announced", [schedule()], 0, (1, ["A Scheduled"])),
    ("until just before NotBefore", [schedule()], 14.99, (1, ["A Scheduled"])),
    ("started at NotBefore", [schedule()], 15, (2, ["A Started"])),
    ("started for ten minutes", [schedule()], 24.99, (2, ["A Started"])),
    ("gone after ten minutes", [schedule()], 25, (3, [])),
    ("a day later in one step", [schedule()], 1440, (3, [])),
    ("approved, so started", [schedule(), Approve(at=at(3), id=ID, vm="web2")], 3, (2, ["A Started"])),
    ("approved, so gone early", [schedule(), Approve(at=at(3), id=ID, vm="web2")], 13, (3, [])),
    ("started by hand", [schedule(), Start(at=at(1), id=ID)], 1, (2, ["A Started"])),
    ("completed by hand", [schedule(), Start(at=at(1), id=ID), Complete(at=at(2), id=ID)], 2, (3, [])),
    ("moved", [schedule(), Change(at=at(1), id=ID, not_before=at(20))], 15, (2, ["A Scheduled"])),
    (
        "moved, so started later",
        [schedule(), Change(at=at(1), id=ID, not_before=at(20))],
        20,
        (3, ["A Started"]),
    ),
    (
        "changed to the same",
        [schedule(), Change(at=at(1), id=ID, not_before=at(15))],
        1,
        (1, ["A Scheduled"]),
    ),
    (
        "changed when started",
        [schedule(), Start(at=at(1), id=ID), Change(at=at(2), id=ID, type=EventType.FREEZE)],
        2,
        (2, ["A Started"]),
    ),
    ("cancelled", [schedule(), Cancel(at=at(1), id=ID)], 1, (2, [])),
    ("cancelled, and nothing later", [schedule(), Cancel(at=at(1), id=ID)], 60, (2, [])),
    ("failed: no Scheduled", [fail()], 0, (1, ["A Started"])),
    ("failed: gone after ten minutes", [fail()], 10, (2, [])),
    ("NotBefore in the past", [schedule(not_before=at(-1))], 0, (2, ["A Started"])),
    ("lasts nothing", [schedule(lasts=timedelta())], 15, (3, [])),
    ("two at once", [schedule(), schedule(B, minute=1)], 1, (2, ["A Scheduled", "B Scheduled"])),
    ("two, one started", [schedule(), schedule(B, minute=1)], 15, (3, ["A Started", "B Scheduled"])),
    ("the same id twice", [schedule(), schedule(minute=1)], 1, (1, ["A Scheduled"])),
    ("time by command", [schedule(), Advance(at=at(0), by=timedelta(minutes=15))], 0, (2, ["A Started"])),
    ("counted anew", [schedule(), Reset(at=at(1), scope="set web")], 1, (0, ["A Scheduled"])),
]


@pytest.mark.parametrize(
    ("commands", "minute", "expected"), [row[1:] for row in LIVES], ids=[r[0] for r in LIVES]
)
def test_life_of_an_event(
    commands: Sequence[Command], minute: float, expected: tuple[int, list[str]]
) -> None:
    """An event is Scheduled until NotBefore or approval, Started for as long as it lasts, and then gone."""
    assert expected == seen(timeline(scenario(), commands, at(minute)))


NOTHING: list[tuple[str, Sequence[Command]]] = [
    ("approve what is not there", [Approve(at=at(1), id=B, vm="web1")]),
    ("complete what has not started", [Complete(at=at(1), id=A)]),
    ("start what is not there", [Start(at=at(1), id=B)]),
    ("cancel what is not there", [Cancel(at=at(1), id=B)]),
]


@pytest.mark.parametrize("commands", [row[1] for row in NOTHING], ids=[row[0] for row in NOTHING])
def test_command_that_does_not_apply_changes_nothing(commands: Sequence[Command]) -> None:
    """A command for an event that is gone, or not in that state, leaves the document as it was."""
    assert seen(timeline(scenario(), [schedule(), *commands], at(1))) == (1, ["A Scheduled"])


def test_cancel_after_start_does_nothing() -> None:
    """A started event cannot be cancelled, only completed."""
    commands: list[Command] = [
        schedule(),
        Start(at=at(1), id=A),
        Cancel(at=at(2), id=A),
        Start(at=at(3), id=A),
    ]
    assert seen(timeline(scenario(), commands, at(3))) == (2, ["A Started"])


def test_set_shares_a_document_and_others_do_not_see_it() -> None:
    """Every VM of the set sees the event, a VM outside sees nothing and keeps its incarnation."""
    state = timeline(scenario(), [schedule()], at(0))
    assert seen(state, "web1") == seen(state, "web2") == (1, ["A Scheduled"])
    assert seen(state, "lone") == (0, [])
    assert seen(state, "unheard-of") == (0, [])


def test_first_approval_counts_and_the_rest_is_remembered() -> None:
    """With a delay after approval, the first approval decides the start, whoever approves next."""
    commands: list[Command] = [
        schedule(),
        Approve(at=at(1), id=A, vm="web1"),
        Approve(at=at(2), id=A, vm="web2"),
        Approve(at=at(2), id=A, vm="web2"),
    ]
    delayed = scenario(approval_delay="3m")
    assert seen(timeline(delayed, commands, at(3.9))) == (1, ["A Scheduled"])
    state = timeline(delayed, commands, at(4))
    event = state.find(A)
    assert event is not None
    assert (EventStatus.STARTED, at(4), ("web1", "web2")) == (
        event.status,
        event.started_at,
        event.approved_by,
    )


def test_approval_never_delays_the_start() -> None:
    """An approval whose delay reaches past NotBefore leaves the start at NotBefore."""
    commands: list[Command] = [schedule(), Approve(at=at(14), id=A, vm="web1")]
    state = timeline(scenario(approval_delay="1h"), commands, at(15))
    assert seen(state) == (2, ["A Started"])


def test_past_events_keep_their_outcome() -> None:
    """What is over stays known to the controller, with the reason the platform never tells."""
    commands: list[Command] = [schedule(), schedule(B), Cancel(at=at(1), id=B)]
    state = timeline(scenario(), commands, at(30))
    assert {event.id: event.outcome for event in state.past} == {A: Outcome.COMPLETED, B: Outcome.CANCELLED}
    assert all(event.next_at is None for event in state.past)
    assert [event for event in state.past if event.at(at(99)) is not event] == []


def test_time_never_goes_back() -> None:
    """An earlier instant than the last command shows the scenario at that command."""
    state = timeline(scenario(), [schedule(minute=5)], at(1))
    assert at(5) == state.now
    assert seen(state) == (1, ["A Scheduled"])


def test_surroundings_follow_their_commands() -> None:
    """Faults, silence, pools and switches hold from their command until the one that ends them."""
    slow, broken = Fault(kind=FaultKind.DELAY, delay_s=1), Fault(kind=FaultKind.STATUS, status=503)
    set_up: list[Command] = [
        SetFault(at=at(0), vm="web1", fault=slow),
        SetFault(at=at(0), vm="web1", fault=broken),
        SetFault(at=at(0), vm="web1", fault=slow),
        Silence(at=at(0), vm="web1"),
        Leave(at=at(0), pool="web", vm="web1"),
        SetSwitch(at=at(0), name="v1", value="json"),
    ]
    state = timeline(scenario(), set_up, at(1))
    assert {"web1": (broken, slow)} == dict(state.faults)
    assert (frozenset({"web1"}), frozenset({("web", "web1")})) == (state.silent, state.left)
    assert state.switches.v1 == "json"
    undone: list[Command] = [
        EndFault(at=at(2), vm="web1"),
        Unsilence(at=at(2), vm="web1"),
        Join(at=at(2), pool="web", vm="web1"),
    ]
    state = timeline(scenario(), [*set_up, *undone], at(2))
    assert ({}, frozenset(), frozenset()) == (dict(state.faults), state.silent, state.left)
