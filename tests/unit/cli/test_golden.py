"""The fixed interface, held: help texts and JSON, byte for byte as kept in tests/golden/cli.

A change that is meant is written anew by `REGOLD=1 pytest tests/unit/cli/test_golden.py`, and reviewed as a
change of the interface.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from drainer.board import Alarm, Snapshot
from drainer.budgets.memory import Ledger, MemoryBudget
from drainer.cli import main
from drainer.control.history import history_of
from drainer.core import wish as wishes
from drainer.core.model import InFlight, Stage
from drainer.explain import as_object
from drainer.explain.story import rehearse
from drainer.journal import MemoryStore, read_lines
from drainer.reporting.metrics import exposition
from drainer.status import status_of, status_of_journal
from drainer.tally import Tally
from tests.unit.cli.test_entry import RUNNABLE
from tests.unit.cli.test_explain import document, policy
from tests.world import START, World, reboot, seconds

GOLDEN = Path(__file__).parents[2] / "golden" / "cli"

Capture = pytest.CaptureFixture[str]


def same(name: str, text: str) -> None:
    """The text is the golden one."""
    path = GOLDEN / name
    if os.environ.get("REGOLD"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text


def plain(value: object) -> str:
    """JSON to read, with the ids of episodes made the same each time."""
    text = json.dumps(value, indent=2, ensure_ascii=False) + "\n"
    return re.sub(r'(20260101T\d{6}Z-\w+)-[0-9a-f]{6}"', r'\1-0123ab"', text)


def eventful() -> World:
    """A VM drained for a Reboot and by an operator, with a lease, a hook, a skip and a failure behind it."""
    world = World(stages=frozenset({Stage.CORDONED}), store=MemoryStore())
    world.with_ports(budget=MemoryBudget(Ledger(1), holder="vm1", clock=world.clock))
    world.feed.events = (reboot("E1", duration=seconds(20)), reboot("E2", resources=("vm1", "vm2")))
    world.reconciler.wish(wishes.Skip(event_id="E2"), by="uid 0")
    world.tick()
    world.application.work = InFlight(count=2)
    world.reconciler.wish(wishes.Drain(reason="disk swap"), by="uid 0")
    world.pass_time(seconds(10))
    return world


@pytest.mark.parametrize("verb", ["", *RUNNABLE, "probe"])
def test_help(verb: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every help text is the golden one."""
    monkeypatch.setenv("COLUMNS", "80")
    assert main([verb, "--help"] if verb else ["--help"]) == 0
    same(f"help/{verb or 'drainer'}.txt", capsys.readouterr().out)


def test_status() -> None:
    """The status of a VM that is being drained, and of one where nothing goes on."""
    alarms = (Alarm(kind="clock-skew", reason="the platform's clock is +3.0 s from this machine's"),)
    world = eventful()
    same("status.json", plain(status_of(Snapshot(tick=world.tick(), vm="vm1", alarms=alarms))))
    same("status-steady.json", plain(status_of(Snapshot(tick=World().tick(), vm="vm1"))))
    same("status-starting.json", plain(status_of(Snapshot())))


def test_status_without_a_daemon() -> None:
    """The status that the journal alone tells."""
    state = eventful().reconciler.journal.state
    same("status-from-journal.json", plain(status_of_journal(state, damage="")))


def test_history() -> None:
    """The history of a whole episode and of a wish after it."""
    world = eventful()
    world.application.work = InFlight(count=0)
    world.reconciler.wish(wishes.Ended(wish="drain"), by="uid 0")
    world.pass_time(seconds(5))
    world.feed.events = ()
    world.pass_time(seconds(60))
    world.reconciler.wish(wishes.Resume(), by="uid 1000")
    lines = world.store.load()
    same("history.json", plain(history_of(read_lines(lines).records)))
    same("journal.jsonl", re.sub(r"(20260101T\d{6}Z-\w+)-[0-9a-f]{6}", r"\1-0123ab", "\n".join(lines)) + "\n")


def test_explain() -> None:
    """The story of one Reboot."""
    given = document(reboot(duration=seconds(20)))
    story = rehearse(given, policy(), (World().fake,), now=START)
    same("explain.json", plain(as_object(given, policy(), story)))


def test_metrics() -> None:
    """The exposition of a VM that is being drained, with every series that it has."""
    world, tally = eventful(), Tally()
    world.reconciler.acted = tally.acted
    world.application.work = InFlight(count=0)
    world.pass_time(seconds(5))
    snapshot = Snapshot(
        tick=world.tick(),
        vm="vm1",
        alarms=(Alarm(kind="clock-skew", reason="not shown"),),
        counters={**tally.counters(), 'documents_total{result="read"}': 16.0},
    )
    same("metrics.txt", exposition(snapshot, now=world.now, version="0.0.0"))


@pytest.mark.skipif(bool(os.environ.get("REGOLD")), reason="the tree is being written")
def test_no_golden_file_is_forgotten() -> None:
    """Every file in the golden tree is one that a test compares with."""
    named = {
        "status.json",
        "status-steady.json",
        "status-starting.json",
        "status-from-journal.json",
        "history.json",
        "journal.jsonl",
        "explain.json",
        "vm.json",
        "metrics.txt",
        "granted.json",
        "refused.json",
        *(f"help/{verb or 'drainer'}.txt" for verb in ("", *RUNNABLE, "probe")),
    }
    assert {str(path.relative_to(GOLDEN)) for path in _files()} == named


def _files() -> Iterator[Path]:
    return (path for path in GOLDEN.rglob("*") if path.is_file())
