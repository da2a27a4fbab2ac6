"""The command log: what was given is there again, whatever cut the writing short."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metadata_server.commandlog import FILE, CommandLog, from_record, to_record
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
from metadata_server.errors import BrokenLog
from metadata_server.faults import Fault, FaultKind
from metadata_server.scenario import EventType
from tests.unit.metadata_server.builders import NOON, A, at, fail, schedule

EVERY: list[Command] = [
    schedule(),
    fail(),
    Start(at=at(1), id=A),
    Change(at=at(1), id=A, type=EventType.FREEZE, not_before=at(9), interruption_s=0, description=""),
    Change(at=at(1), id=A),
    Complete(at=at(1), id=A),
    Cancel(at=at(1), id=A),
    Approve(at=at(1), id=A, vm="web1"),
    Advance(at=at(0), by=at(0.0001) - NOON),
    Reset(at=at(1), scope="set web"),
    SetSwitch(at=at(1), name="v1", value="json"),
    SetFault(at=at(1), vm="web1", fault=Fault(kind=FaultKind.DELAY, delay_s=1.5, path="/metadata")),
    EndFault(at=at(1), vm="web1"),
    Silence(at=at(1), vm="web1"),
    Unsilence(at=at(1), vm="web1"),
    Leave(at=at(1), pool="web", vm="web1"),
    Join(at=at(1), pool="web", vm="web1"),
]


def opened(directory: Path, clock: str = "manual") -> CommandLog:
    return CommandLog.open(directory, started_at=NOON, clock=clock)


def reread(directory: Path) -> tuple[Command, ...]:
    log = opened(directory)
    log.close()
    return log.commands


@pytest.mark.parametrize("command", EVERY, ids=[type(command).__name__ for command in EVERY])
def test_each_command_is_read_as_it_was_written(command: Command) -> None:
    """A command survives JSON unchanged."""
    assert from_record(json.loads(json.dumps(to_record(command)))) == command


def test_every_kind_is_tested() -> None:
    """The list above holds every kind of command there is."""
    assert {type(command) for command in EVERY} == set(Command.__args__)


def test_log_gives_back_what_it_kept(tmp_path: Path) -> None:
    """Commands come back in order, and the scenario begins when it first began."""
    log = opened(tmp_path / "new" / "state")
    for command in EVERY:
        log.keep(command)
    log.close()
    again = CommandLog.open(tmp_path / "new" / "state", started_at=at(99), clock="manual")
    again.close()
    assert (again.started_at, list(again.commands)) == (NOON, EVERY)


@settings(max_examples=30)  # each writes and syncs a file
@given(cut=st.integers(min_value=1))
def test_torn_last_line_is_dropped(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    """Wherever the last write was cut short, all before it is there and the log goes on."""
    directory = tmp_path_factory.mktemp("torn")
    log = opened(directory)
    log.keep(EVERY[0])
    log.keep(EVERY[2])
    log.close()
    path = directory / FILE
    content = path.read_bytes()
    last = len(content.splitlines(keepends=True)[-1])
    path.write_bytes(content[: len(content) - 1 - cut % last])
    log = opened(directory)
    assert list(log.commands) == EVERY[:1]
    log.keep(EVERY[3])
    log.close()
    assert list(reread(directory)) == [EVERY[0], EVERY[3]]


BEGIN = json.dumps({"kind": "Begin", "version": 1, "at": NOON.isoformat(), "clock": "manual"})


@pytest.mark.parametrize(
    ("lines", "line"),
    [
        (["rubbish"], 1),
        (['{"kind": "Begin"}'], 1),
        ([BEGIN.replace(": 1", ": 2")], 1),
        ([BEGIN.replace("manual", "real")], 1),
        ([BEGIN, "rubbish"], 2),
        ([BEGIN, "{}"], 2),
        ([BEGIN, '{"kind": "Start", "at": "2030-01-31T12:00:00+00:00"}'], 2),
        ([BEGIN, '{"kind": "Unheard"}'], 2),
        ([BEGIN, "[]"], 2),
        ([BEGIN, json.dumps({**to_record(EVERY[0]), "type": "Party"})], 2),
    ],
)
def test_what_cannot_be_replayed_is_refused(tmp_path: Path, lines: list[str], line: int) -> None:
    """A line in the middle that is no command stops the start, named by file and line."""
    (tmp_path / FILE).write_text("".join(f"{text}\n" for text in lines))
    with pytest.raises(BrokenLog, match=f"{FILE}:{line}: expected"):
        opened(tmp_path)


def test_a_log_belongs_to_one_emulator(tmp_path: Path) -> None:
    """A second emulator on the same state directory is refused, and admitted when the first is gone."""
    log = opened(tmp_path)
    with pytest.raises(BrokenLog, match="one in use"):
        opened(tmp_path)
    log.close()
    reread(tmp_path)
