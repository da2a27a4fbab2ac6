"""What operators ask of the daemon, through the command line and a real socket."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from drainer.cli import exits
from drainer.cli.waiting import Drain, standing, wait_for_drain
from drainer.control.client import ask
from drainer.core.model import InFlight
from drainer.errors import Transient
from drainer.settings import Settings
from tests.unit.cli.conftest import Drainer
from tests.unit.cli.test_golden import plain, same
from tests.unit.control.living import Living
from tests.world import reboot, seconds

Capture = pytest.CaptureFixture[str]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("hold", "--until", "30m"), "nothing is taken out or given back (phase steady: steady)"),
        (("drain", "--reason", "disk"), "draining until `drainer restore` or the next boot (phase "),
        (("drain", "--reason", "disk", "--until", "2h"), "draining until 20"),
        (("restore",), "every notice present is skipped"),
        (("resume",), "no hold, yield or abort stands any more"),
        (("adopt",), "everything in this VM's layers is given back"),
    ],
)
def test_a_wish_is_granted_and_told(
    served: Living, drainer: Drainer, capsys: Capture, arguments: tuple[str, ...], told: str
) -> None:
    """Each wish is answered on stderr with what it means and the phase; stdout stays free."""
    assert drainer(*arguments) == exits.OK
    said = capsys.readouterr()
    assert told in said.err
    assert said.out == ""


def test_skip_and_force_speak_of_notices(served: Living, drainer: Drainer, capsys: Capture) -> None:
    """`force` and `skip` need a notice; `--json` prints the daemon's whole answer."""
    assert drainer("force") == exits.FAILED
    assert drainer("skip", "E1") == exits.FAILED
    assert "nothing to force" in capsys.readouterr().err
    served.world.feed.events = (reboot("E1"),)
    served.look()
    assert drainer("force") == exits.OK
    capsys.readouterr()
    assert drainer("skip", "E1", "--json") == exits.OK
    answer = json.loads(capsys.readouterr().out)
    assert (answer["schema"], answer["granted"]) == (1, "skip")
    assert answer["status"]["wishes"]["skips"] == ["E1"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("hold", "--until", "1h"),
        ("skip", "E1"),
        ("force",),
        ("drain", "--reason", "x"),
        ("restore",),
        ("resume",),
        ("adopt",),
    ],
)
def test_no_daemon_is_exit_4(drainer: Drainer, capsys: Capture, arguments: tuple[str, ...]) -> None:
    """Without a daemon every wish fails with 4 and says where nobody answers and what to start."""
    assert drainer(*arguments) == exits.NO_DAEMON
    assert "no daemon answers at" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("hold", "--until", "soon"), "--until: expected a duration (30m, 2h) or an RFC 3339 time"),
        (("hold", "--until", "2030-01-01T00:00:00"), "--until: expected a duration"),
        (("hold", "--until", "0s"), "--until: expected a time to come, got '0s'"),
        (("hold", "--until", "2001-01-01T00:00:00Z"), "--until: expected a time to come"),
        (("hold",), "the following arguments are required: --until"),
        (("drain", "--reason", " "), "--reason: expected 1 to 500 printable characters, got ''"),
        (("drain",), "required: --reason"),
        (("force", "--hard"), "unrecognized arguments: --hard"),
        (("skip",), "required: EVENT"),
    ],
)
def test_wrong_usage_is_exit_2(
    drainer: Drainer, capsys: Capture, arguments: tuple[str, ...], told: str
) -> None:
    """Wrong usage is 2, named, and reaches no daemon."""
    assert drainer(*arguments) == exits.USAGE
    assert told in capsys.readouterr().err


def test_restore_offline_goes_to_the_journal(drainer: Drainer, monkeypatch: pytest.MonkeyPatch) -> None:
    """`restore --offline` asks no daemon: it gives back by the journal in --state."""
    from drainer import offline

    asked: list[Settings] = []

    def restore_offline(settings: Settings) -> int:
        asked.append(settings)
        return 0

    monkeypatch.setattr(offline, "restore_offline", restore_offline)
    assert drainer("restore", "--offline", "--state", "/elsewhere") == exits.OK
    assert asked[0].state == Path("/elsewhere")


@pytest.mark.parametrize("verb", ["restore", "resume"])
def test_offline_has_no_json(drainer: Drainer, capsys: Capture, verb: str) -> None:
    """It is refused, not ignored: a script would read nothing and take it for an answer."""
    assert drainer(verb, "--offline", "--json", "--state", "/nowhere") == exits.USAGE
    assert "--json" in capsys.readouterr().err


def test_the_sockets_answers_are_golden(served: Living, tmp_path: Path) -> None:
    """On the socket: one line granted, one line refused, both as kept."""
    answers = {}
    for name, line in (
        ("granted.json", b'{"schema":1,"verb":"resume"}\n'),
        ("refused.json", b'{"schema":1,"verb":"skip","event_id":"E9"}\n'),
    ):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(tmp_path / "s"))
            connection.sendall(line)
            answers[name] = json.loads(connection.makefile().readline())
    answers["granted.json"]["by"] = "uid 0"
    for name, answer in answers.items():
        same(name, plain(answer))


# --- drain --wait ---------------------------------------------------------------------------------


def test_wait_ends_with_the_proof(served: Living, tmp_path: Path, capsys: Capture) -> None:
    """`drain --wait` returns 0 once the drain is proven, and tells its progress on stderr."""
    served.world.application.work = InFlight(count=2)
    ask(tmp_path / "s", "drain", reason="test")

    def finished(_: float) -> None:
        served.world.application.work = InFlight(count=0)
        served.pace = seconds(1)
        served.awake.set()

    assert wait_for_drain(tmp_path / "s", pause=finished) == exits.OK
    told = capsys.readouterr().err
    assert told.startswith("draining: draining, 2 in flight\n")
    assert told.endswith("drained, and proven\n")


def test_a_drained_vm_is_not_waited_for(served: Living, drainer: Drainer, capsys: Capture) -> None:
    """`drain --wait` is one command: the wish, the wait, and the exit code of the proof."""
    served.pace = seconds(1)
    served.awake.set()
    assert drainer("drain", "--reason", "test", "--wait") == exits.OK
    assert capsys.readouterr().err.endswith("drained, and proven\n")


def test_wait_ends_at_the_deadline(served: Living, drainer: Drainer, capsys: Capture) -> None:
    """Work that does not end within the drain timeout is exit 1, with what is left."""
    served.world.application.work = InFlight(count=2)
    served.pace = seconds(1)
    served.awake.set()
    assert drainer("drain", "--reason", "test", "--wait") == exits.FAILED
    assert "not proven: the drain timeout is over (2 in flight)" in capsys.readouterr().err


def test_wait_ends_when_the_drain_is_ended(served: Living, tmp_path: Path, capsys: Capture) -> None:
    """A drain that somebody else ends before its proof is exit 1."""
    served.world.application.work = InFlight(count=2)
    path = tmp_path / "s"
    ask(path, "drain", reason="test")

    def restored(_: float) -> None:
        ask(path, "restore")

    assert wait_for_drain(path, pause=restored) == exits.FAILED
    assert "not proven: the drain was ended before it was proven" in capsys.readouterr().err


def test_wait_outlives_a_restart(
    served: Living, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """A daemon that is away for a moment is waited for; one that stays away is exit 4's error."""
    path, away = tmp_path / "s", tmp_path / "away"
    path.rename(away)
    assert wait_for_drain(path, pause=lambda _: _back(away, path, served)) == exits.OK
    capsys.readouterr()
    monkeypatch.setattr("drainer.cli.waiting.PATIENCE_S", 0.0)
    with pytest.raises(Transient, match="no daemon answers"):
        wait_for_drain(tmp_path / "nobody")


def _back(away: Path, path: Path, life: Living) -> None:
    """The daemon is there again, and was asked to drain meanwhile."""
    if away.exists():
        away.rename(path)
        ask(path, "drain", reason="test")
        life.pace = seconds(1)
        life.awake.set()


def test_wait_gives_up_on_a_wish_that_is_never_taken_up(
    served: Living, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no status ever shows the wish, the wait ends without proof."""
    monkeypatch.setattr("drainer.cli.waiting.PATIENCE_S", 0.0)
    assert wait_for_drain(tmp_path / "s") == exits.FAILED


def test_a_yielded_vm_is_not_waited_for() -> None:
    """Once somebody put the VM back twice nothing will be proven; other episodes are none of ours."""
    episode = {
        "notices": ["operator-drain"],
        "quiet_since": None,
        "proven": False,
        "past_deadline": False,
        "yielded": True,
    }
    status = {"episode": episode, "phase": "yielded", "step": "wait"}
    assert standing(status, ended=False) is Drain.UNPROVEN
    assert standing({**status, "episode": {**episode, "notices": ["E1"]}}, ended=False) is Drain.COMING
    assert standing({**status, "episode": None}, ended=False) is Drain.COMING


def test_a_yield_is_told(monkeypatch: pytest.MonkeyPatch, capsys: Capture, tmp_path: Path) -> None:
    """The reason of a yield names the verb that ends it."""
    episode = {
        "notices": ["operator-drain"],
        "quiet_since": None,
        "proven": False,
        "past_deadline": False,
        "yielded": True,
    }
    status = {
        "episode": episode,
        "phase": "yielded",
        "reason": "yielded",
        "step": "wait",
        "wishes": {"drain": {"reason": "test", "until": None}},
        "in_flight": {"count": None, "reason": "not draining"},
    }
    monkeypatch.setattr("drainer.cli.waiting.ask", lambda path, verb: {"status": status})
    assert wait_for_drain(tmp_path) == exits.FAILED
    assert "`drainer resume` takes it out again" in capsys.readouterr().err


def test_a_deadline_while_unmeasured_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture, tmp_path: Path
) -> None:
    """What could not be measured is named where the drain timeout ends the wait."""
    episode = {
        "notices": ["operator-drain"],
        "quiet_since": None,
        "proven": False,
        "past_deadline": True,
        "yielded": False,
    }
    status = {
        "episode": episode,
        "phase": "drained",
        "reason": "notice pending",
        "step": "wait",
        "wishes": {"drain": {"reason": "test", "until": None}},
        "in_flight": {"count": None, "reason": "another network namespace"},
    }
    monkeypatch.setattr("drainer.cli.waiting.ask", lambda path, verb: {"status": status})
    assert wait_for_drain(tmp_path) == exits.FAILED
    assert "over (another network namespace)" in capsys.readouterr().err
