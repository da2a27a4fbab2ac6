"""`status` and `history`: from the daemon, and from the journal where there is none."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from drainer.board import Alarm
from drainer.cli import exits
from drainer.cli.tables import history_lines, status_lines
from drainer.control.client import ask
from drainer.core.model import At, Failing, InFlight, Unreadable
from tests.unit.cli.conftest import Drainer
from tests.unit.control.living import Living, serving
from tests.world import START, reboot, seconds

Capture = pytest.CaptureFixture[str]


def drained(life: Living) -> None:
    """Let the VM be drained for a Reboot."""
    life.world.feed.events = (reboot(),)
    life.look()
    life.world.clock.advance(seconds(3))
    life.look()


def test_status_of_a_quiet_vm_is_exit_0(served: Living, drainer: Drainer, capsys: Capture) -> None:
    """A steady VM without alarms is 0, and says so in one line."""
    assert drainer("status") == exits.OK
    assert capsys.readouterr().out.startswith("vm1: steady (steady)\ndocument  scheduled-events, 0 s old\n")


def test_an_alarm_is_exit_3(served: Living, drainer: Drainer, capsys: Capture) -> None:
    """Any alarm makes status 3, and it is shown with its reason."""
    served.alarms = (Alarm(kind="blind", reason="no document for 61 s"),)
    served.look()
    assert drainer("status") == exits.ALARM
    assert "alarm     blind: no document for 61 s" in capsys.readouterr().out


def test_status_shows_the_drain(served: Living, drainer: Drainer, capsys: Capture) -> None:
    """An open episode shows its proof, its force, the layers as they were and are, and the notice."""
    drained(served)
    assert drainer("status") == exits.OK
    told = capsys.readouterr().out
    assert "vm1: drained since 2026-01-01T00:00:00Z (notice pending)" in told
    assert "drain     proven" in told
    assert "force     2026-01-01T00:03:00Z" in told
    assert "fake   Out   In   fake out" in told
    assert "E1      Reboot  Scheduled  2026-01-01T00:04:00Z  drain  -" in told


def test_status_json_has_a_schema(served: Living, drainer: Drainer, capsys: Capture) -> None:
    """`status --json` prints one object of schema 1, also when DRAINER_JSON asks for it."""
    assert drainer("status", "--json") == exits.OK
    assert json.loads(capsys.readouterr().out)["schema"] == 1
    os.environ["DRAINER_JSON"] = "1"
    try:
        assert drainer("status") == exits.OK
    finally:
        del os.environ["DRAINER_JSON"]
    assert json.loads(capsys.readouterr().out)["phase"] == "steady"


def test_a_dead_daemons_journal_is_read(life: Living, drainer: Drainer, capsys: Capture) -> None:
    """Without a daemon status is 4 and tells the open episode from the journal."""
    drained(life)
    assert drainer("status", "--json") == exits.NO_DAEMON
    said = capsys.readouterr()
    assert "daemon not running; from the journal: " in said.err
    status = json.loads(said.out)
    assert (status["daemon"], status["phase"], status["draining"]) == (False, "draining", True)
    assert status["layers"][0]["was"] == "In"
    assert drainer("status") == exits.NO_DAEMON
    assert "vm1: draining since" in capsys.readouterr().out


def test_no_daemon_and_no_episode(drainer: Drainer, capsys: Capture) -> None:
    """Without a daemon and without an episode status is 4 and says steady, as far as the journal knows."""
    assert drainer("status") == exits.NO_DAEMON
    assert capsys.readouterr().out == "this VM: steady (the daemon is not running)\n"


def test_a_damaged_journal_is_an_alarm(tmp_path: Path, drainer: Drainer, capsys: Capture) -> None:
    """Damage in a dead daemon's journal is shown as an alarm."""
    (tmp_path / "journal.jsonl").write_text("nonsense\n")
    assert drainer("status", "--json") == exits.NO_DAEMON
    assert json.loads(capsys.readouterr().out)["alarms"][0]["kind"] == "journal-damaged"


def test_a_journal_that_cannot_be_read(tmp_path: Path, drainer: Drainer, capsys: Capture) -> None:
    """Where neither daemon nor journal can be read status is 4 with both reasons, history 1."""
    (tmp_path / "journal.jsonl").mkdir()
    assert drainer("status") == exits.NO_DAEMON
    assert "no daemon answers" in capsys.readouterr().err
    assert drainer("history") == exits.FAILED
    assert "Is a directory" in capsys.readouterr().err


def test_a_daemon_that_refuses_is_not_a_dead_one(tmp_path: Path, drainer: Drainer, capsys: Capture) -> None:
    """A daemon that is there and does not answer well is an error, and the journal is not read instead."""
    import socket
    import threading

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()

        def hang_up() -> None:
            for _ in range(2):
                listener.accept()[0].close()

        hanging = threading.Thread(target=hang_up)
        hanging.start()
        assert drainer("status") == exits.FAILED
        assert drainer("history") == exits.FAILED
        hanging.join()
    assert "did not answer" in capsys.readouterr().err


# --- history --------------------------------------------------------------------------------------


def test_history_is_the_ordered_list_of_events(served: Living, drainer: Drainer, capsys: Capture) -> None:
    """A full cycle reads as one episode: every event in order, each with its reason."""
    drained(served)
    served.world.feed.events = ()
    served.look()
    for _ in range(4):
        served.world.clock.advance(seconds(10))
        served.look()
    ask(served.state / "s", "resume")
    assert drainer("history", "--json") == exits.OK
    history = json.loads(capsys.readouterr().out)
    (episode,) = history["episodes"]
    assert (episode["vm"], episode["opened"], episode["closed"]) == (
        "vm1",
        "2026-01-01T00:00:00Z",
        "2026-01-01T00:00:33Z",
    )
    assert [(event["event"], event["reason"]) for event in episode["events"]] == [
        ("episode.opened", "Reboot E1"),
        ("cordon.intended", ""),
        ("cordon.done", ""),
        ("cordoned-at.noted", "no layer takes new work any more"),
        ("isolate.intended", ""),
        ("isolate.done", ""),
        ("acknowledge.intended", ""),
        ("acknowledge.done", ""),
        ("quiet-since.noted", "no notice is left"),
        ("restore.intended", ""),
        ("restore.done", ""),
        ("episode.closed", "everything taken was given back"),
    ]
    assert [wish["kind"] for wish in history["wishes"]] == ["resume"]


def test_history_from_the_file_says_the_same(
    served: Living, tmp_path: Path, drainer: Drainer, capsys: Capture
) -> None:
    """With the daemon dead the file tells the same story."""
    drained(served)
    assert drainer("history", "--json") == exits.OK
    live = capsys.readouterr().out
    assert drainer("history", "--json", "--socket", str(tmp_path / "nobody")) == exits.OK
    said = capsys.readouterr()
    assert said.out == live
    assert "from the journal: " in said.err


def test_history_for_people(served: Living, drainer: Drainer, capsys: Capture) -> None:
    """Failures, waits, forced cordons, joined layers and wishes are told with who and why."""
    from drainer.backends.fake import Fault

    world = served.world
    world.fake.arm(Fault.LOST_BEFORE)
    world.reconciler.policy = replace(world.policy, min_in_service=3)
    ask(served.state / "s", "hold", until=_soon())
    ask(served.state / "s", "resume")
    world.feed.events = (reboot(not_before=At(at=START + seconds(30))),)
    served.look()
    ask(served.state / "s", "force")
    world.clock.advance(seconds(2))
    served.look()
    assert drainer("history") == exits.OK
    told = capsys.readouterr().out
    assert "to now (open)" in told
    assert "cordon.failed" in told
    assert "fake fake-no-answer  the answer was lost" in told
    assert f"force  by uid {os.getuid()}" in told
    assert "forced: past the time after which budget and gates no longer hold" in told
    assert "outside any episode" in told
    assert told.index("cordon.failed") < told.index("  to undo it by hand:\n    put in by hand: fake\n")
    assert told.count("put in by hand: fake") == 1


def _soon() -> str:
    from datetime import timedelta

    from drainer.clock import SystemClock

    return (SystemClock().now().wall + timedelta(hours=1)).isoformat()


def test_no_history_is_told(drainer: Drainer, capsys: Capture) -> None:
    """An empty journal has no episode."""
    assert drainer("history") == exits.OK
    assert capsys.readouterr().out == "no episode yet\n"
    assert history_lines({"episodes": [], "wishes": []}) == ["no episode yet"]


def test_layers_that_join_and_adopted_episodes_are_told(served: Living, drainer: Drainer) -> None:
    """An adopted episode and a layer put in by an operator are part of the story."""
    path = served.state / "s"
    served.world.balancer.take_out("fake")
    served.look()
    ask(path, "adopt")
    (episode,) = ask(path, "history")["history"]["episodes"]
    assert episode["id"].startswith("adopted-")
    assert episode["events"][0]["event"] == "wish.recorded"
    assert episode["events"][0]["kind"] == "adopt"


def test_a_layer_that_an_operator_puts_in_joins(served: Living) -> None:
    """A layer that was out when the episode opened, and is put in by hand, is told as joined."""
    served.world.balancer.take_out("fake")
    served.world.feed.events = (reboot(),)
    served.look()
    served.world.balancer.put_in("fake")
    served.look()
    (episode,) = ask(served.state / "s", "history")["history"]["episodes"]
    joined = next(event for event in episode["events"] if event["event"] == "layers.joined")
    assert joined["layers"] == ["fake"]


# --- what people see ------------------------------------------------------------------------------


def test_everything_unusual_is_shown(served: Living) -> None:
    """Blindness, gates, wishes, unread layers and unmeasured work each have their line."""
    path, world = served.state / "s", served.world
    world.feed.events = (reboot(),)
    world.balancer.others = 0
    ask(path, "drain", reason="disk swap")
    ask(path, "hold", until=_soon())
    ask(path, "force")
    ask(path, "skip", event_id="E1")
    told = status_lines(ask(path, "status")["status"], colour=False)
    assert any(line.startswith("gate      hold (hard)") for line in told)
    assert any(line.startswith("gate      keep-last (hard) ") for line in told)
    assert "wish      drain until the next boot: disk swap" in told
    assert "wish      skip E1" in told
    assert [line for line in told if line.startswith("wish      hold until ")]
    assert [line for line in told if line.startswith("wish      force since ")]
    world.feed.blind = Unreadable(kind="timeout", reason="no answer")
    world.balancer.readable = False
    served.look()
    told = status_lines(ask(path, "status")["status"], colour=False)
    assert "document  unreadable: timeout: no answer" in told
    assert any(line.endswith("the balancer gives no answer") for line in told)


def test_a_drain_under_way_says_what_is_left(served: Living) -> None:
    """Before the proof the number of connections in flight is shown."""
    served.world.application.work = InFlight(count=3)
    served.world.application.health = Failing(reason="cold")
    served.world.feed.events = (reboot(),)
    served.look()
    told = status_lines(ask(served.state / "s", "status")["status"], colour=False)
    assert "drain     not proven: 3 in flight" in told


def test_colour_is_for_terminals(served: Living) -> None:
    """Colour stands only where it is wanted."""
    status = ask(served.state / "s", "status")["status"]
    assert "\x1b[32msteady\x1b[0m" in status_lines(status, colour=True)[0]
    assert "\x1b" not in "".join(status_lines(status, colour=False))


def test_what_others_wrote_is_shown_not_obeyed(served: Living) -> None:
    """Control characters in the id of a notice reach no terminal; what they are is readable."""
    served.world.feed.events = (reboot("E\x1b]0;owned\x07\x9b2J"),)
    served.look()
    status = ask(served.state / "s", "status")["status"]
    history = ask(served.state / "s", "history")["history"]
    for lines in (status_lines(status, colour=False), history_lines(history)):
        assert "\n".join(lines).isprintable() or all(line.isprintable() for line in lines)
        assert "\\x1b]0;owned" in "".join(lines)


def test_hooks_leases_and_siblings_are_shown(tmp_path: Path) -> None:
    """How each hook's stage went, and the lease that is held, stand in the status."""
    from drainer.budgets.memory import Ledger, MemoryBudget
    from drainer.clock import ManualClock
    from drainer.core.model import Abort, HookWait, Instant, Stage, later
    from drainer.errors import Transient
    from drainer.status import status_of
    from tests.unit.control.living import living
    from tests.world import START, World

    now = ManualClock(START).now()

    def at(after: float) -> Instant:
        return later(now, seconds(after))

    for answer, shown in (
        (None, "go"),
        (HookWait(retry_at=at(30)), "wait"),
        (Abort(), "abort"),
        (Transient("hook-failed", "exit 7"), "failed"),
    ):
        world = World(stages=frozenset({Stage.CORDONED}))
        world.with_ports(budget=MemoryBudget(Ledger(1), holder="vm1", clock=world.clock))
        world.feed.events = (reboot(),)
        if answer is not None:
            world.hooks.answers = [answer]
        with living(tmp_path, world) as life:
            status = status_of(life.look())
        assert status["episode"]["hooks"] == {"cordoned": shown}
        assert status["lease"]["phase"] == "draining"


def test_a_daemon_without_a_journal_on_disk(life: Living, drainer: Drainer, capsys: Capture) -> None:
    """Where the daemon itself has no journal to show, the file is read."""
    from drainer.control import ControlServer

    server = ControlServer(life.board, life.state / "s")
    server.start()
    try:
        assert drainer("history") == exits.OK
    finally:
        server.stop()
    assert "this daemon keeps no journal on disk" in capsys.readouterr().err


def test_serving_twice_in_a_row(life: Living, drainer: Drainer) -> None:
    """A daemon that is started again at the same place is asked like the first."""
    for _ in range(2):
        with serving(life, life.state / "s"):
            assert drainer("status") == exits.OK
