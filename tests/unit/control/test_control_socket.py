"""The control socket with real sockets: who may speak, what is bounded, what is refused."""

from __future__ import annotations

import errno
import grp
import json
import os
import socket
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from drainer.board import Board
from drainer.control import ControlServer, peers, protocol
from drainer.control.client import ask
from drainer.control.peers import Peer, admit
from drainer.control.server import AFTER_FAILURE_S
from drainer.core import wish as wishes
from drainer.core.model import At, Unreadable
from drainer.errors import Broken, Refused, Transient
from tests.unit.control.living import Living, living, serving
from tests.until import until
from tests.world import START, reboot

NOBODY = 65534
needs_root = pytest.mark.skipif(os.getuid() != 0, reason="becoming another user needs root")


@pytest.fixture
def life(tmp_path: Path) -> Iterator[Living]:
    with living(tmp_path) as life:
        yield life


@pytest.fixture
def path(tmp_path: Path, life: Living) -> Iterator[Path]:
    path = tmp_path / "run" / "control.sock"
    with serving(life, path):
        yield path


def raw(path: Path, sent: bytes) -> dict[str, object]:
    """What is answered to these very bytes."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(5)
        connection.connect(str(path))
        connection.sendall(sent)
        answer: dict[str, object] = json.loads(protocol.read_line(connection, most=1 << 20, within_s=5))
    return answer


def soon() -> str:
    """An hour from now, by the machine's clock that the server goes by."""
    from drainer.clock import SystemClock

    return (SystemClock().now().wall + timedelta(hours=1)).isoformat()


def test_status_is_what_the_last_tick_saw(path: Path) -> None:
    """`status` over the socket carries the phase, the notices and the layers of the last tick."""
    status = ask(path, "status")["status"]
    assert (status["schema"], status["vm"], status["phase"]) == (1, "vm1", "steady")
    assert [layer["face"] for layer in status["layers"]] == ["In"]


@pytest.mark.parametrize(
    ("verb", "fields", "shown"),
    [
        ("hold", {"until": "soon"}, "hold_until"),
        ("drain", {"reason": "disk swap"}, "drain"),
        ("drain", {"reason": "disk swap", "until": "soon"}, "drain"),
    ],
)
def test_a_granted_wish_is_seen_at_once(
    path: Path, life: Living, verb: str, fields: dict[str, str], shown: str
) -> None:
    """An answered wish is journalled, and the status in its answer already knows it."""
    given = {name: soon() if value == "soon" else value for name, value in fields.items()}
    answer = ask(path, verb, **given)
    assert answer["granted"] == verb
    assert answer["by"] == f"uid {os.getuid()}"
    assert answer["status"]["wishes"][shown]
    journal = (life.state / "journal.jsonl").read_text()
    assert f'"by":"uid {os.getuid()}"' in journal


def test_resume_and_adopt_reach_the_core(path: Path, life: Living) -> None:
    """`adopt` opens an episode over the layers as they read, and only one; `resume` is always free."""
    life.world.balancer.take_out("fake")
    life.look()
    assert ask(path, "resume")["granted"] == "resume"
    assert ask(path, "adopt")["status"]["episode"]["adopted"] is True
    with pytest.raises(Refused, match="knows every layer: nothing is to be adopted"):
        ask(path, "adopt")


def test_restore_skips_every_notice_present(path: Path, life: Living) -> None:
    """`restore` skips the notices listed and those of the open episode, and ends a drain."""
    life.world.feed.events = (reboot("E1"), reboot("E2"))
    life.look()
    ask(path, "drain", reason="test")
    status = ask(path, "restore")["status"]
    assert status["wishes"]["skips"] == ["E1", "E2"]
    assert status["wishes"]["drain"] is None


def test_skip_knows_what_is_listed(path: Path, life: Living) -> None:
    """`skip` of an id that is not listed is refused with the ids that are; while blind any id is taken."""
    life.world.feed.events = (reboot("E1"), reboot("other", resources=("vm2",)))
    life.look()
    with pytest.raises(Refused, match="no notice 'E9' is listed for this VM: listed are E1"):
        ask(path, "skip", event_id="E9")
    with pytest.raises(Refused, match="'other'"):
        ask(path, "skip", event_id="other")
    assert ask(path, "skip", event_id="E1")["status"]["wishes"]["skips"] == ["E1"]
    assert life.look().tick is not None
    life.world.feed.blind = Unreadable(kind="timeout", reason="no answer")
    life.look()
    assert "E9" in ask(path, "skip", event_id="E9")["status"]["wishes"]["skips"]


def test_force_needs_something_to_force(path: Path, life: Living) -> None:
    """`force` with nothing announced is refused, so that it cannot wait for the next notice."""
    with pytest.raises(Refused, match="nothing to force"):
        ask(path, "force")
    life.world.feed.events = (reboot("E1", not_before=At(at=START + timedelta(days=3))),)
    life.look()
    assert ask(path, "force")["granted"] == "force"
    life.world.feed.events = (reboot("E1"),)
    life.look()
    assert ask(path, "force")["status"]["wishes"]["force_at"]


def test_history_comes_over_the_socket(path: Path, life: Living) -> None:
    """`history` is read from the journal by the daemon, which its group cannot read itself."""
    life.world.feed.events = (reboot("E1"),)
    life.look()
    (episode,) = ask(path, "history")["history"]["episodes"]
    assert episode["notices"] == [{"id": "E1", "type": "Reboot", "source": "Platform"}]
    assert episode["events"][0]["event"] == "episode.opened"


def test_no_journal_no_history(tmp_path: Path, life: Living) -> None:
    """A daemon without a journal on disk says so."""
    server = ControlServer(life.board, tmp_path / "s")
    server.start()
    try:
        with pytest.raises(Refused, match="keeps no journal"):
            ask(tmp_path / "s", "history")
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (b"nonsense\n", "expected one JSON object"),
        (b"[]\n", "expected one JSON object"),
        (b"[" * 9000 + b"\n", "expected one JSON object"),
        (b'{"verb":"status"}\n', "schema: expected 1"),
        (b'{"schema":2,"verb":"status"}\n', "schema: expected 1"),
        (b'{"schema":1}\n', "verb: expected a text"),
        (b'{"schema":1,"verb":"reboot"}\n', "verb: expected one of status, history, hold"),
        (b'{"schema":1,"verb":"force","hard":true}\n', "hard: force takes no such member"),
        (b'{"schema":1,"verb":"hold"}\n', "until: expected 1 to 64 printable characters"),
        (b'{"schema":1,"verb":"hold","until":"later"}\n', "until: expected an RFC 3339 time"),
        (b'{"schema":1,"verb":"hold","until":"2026-01-01T00:00:00"}\n', "with its zone"),
        (b'{"schema":1,"verb":"hold","until":"2001-01-01T00:00:00Z"}\n', "a time to come"),
        (b'{"schema":1,"verb":"hold","until":"9001-01-01T00:00:00Z"}\n', "within 366 days"),
        (b'{"schema":1,"verb":"drain"}\n', "reason: expected"),
        (b'{"schema":1,"verb":"drain","reason":"a\\nb"}\n', "reason: expected"),
        (b'{"schema":1,"verb":"drain","reason":7}\n', "reason: expected"),
        (b'{"schema":1,"verb":"skip","event_id":""}\n', "event_id: expected"),
    ],
)
def test_bad_input_is_refused_clearly(path: Path, sent: bytes, expected: str) -> None:
    """A request that makes no sense is answered with what was expected, and changes nothing."""
    answer = raw(path, sent)
    assert answer["ok"] is False
    assert answer["kind"] == "bad-request"
    assert expected in str(answer["reason"])


def test_size_and_time_are_bounded(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that is too long or does not end is hung up on, and the next one is served."""
    with pytest.raises(OSError, match=r"whole line|reset"):
        raw(path, b"x" * (protocol.REQUEST_LIMIT + 1))
    monkeypatch.setattr("drainer.control.server.REQUEST_WITHIN_S", 0.05)
    with pytest.raises(OSError, match="whole line"):
        raw(path, b'{"schema":1')
    assert ask(path, "status")["ok"] is True


def test_too_many_at_once_are_hung_up_on(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond sixteen open connections newcomers are dropped; they are served again once others left."""
    idle = [socket.socket(socket.AF_UNIX) for _ in range(16)]
    for connection in idle:
        connection.connect(str(path))
    with pytest.raises(Transient, match="did not answer"):
        ask(path, "status")
    for connection in idle:
        connection.close()
    deadline = threading.Event()
    for _ in range(200):
        try:
            assert ask(path, "status")["ok"]
            break
        except Transient:
            deadline.wait(0.01)
    else:
        pytest.fail("nobody is served any more")


def test_without_a_thread_the_socket_lives_on(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that gives no thread (hooks may have taken all) costs each asker his answer, and
    nobody the next one."""

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as short:
        short.setattr(threading.Thread, "start", refuse)
        for _ in range(20):
            with pytest.raises(Transient, match="did not answer"):
                ask(path, "status")
    assert ask(path, "status")["ok"] is True


def test_without_a_descriptor_it_rests(tmp_path: Path, life: Living, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits keeps waiting, and would wake it at once again for as long as no descriptor is free."""
    rested: list[float] = []

    def refuse(listener: socket.socket) -> None:
        raise OSError(errno.EMFILE, "too many open files")

    with serving(life, tmp_path / "s") as server, socket.socket(socket.AF_UNIX) as waiting:
        with monkeypatch.context() as short:
            short.setattr(socket.socket, "accept", refuse)
            short.setattr(server._rest, "wait", rested.append)
            waiting.connect(str(tmp_path / "s"))
            until(lambda: len(rested) >= 3, "a rest after each failure")
        assert set(rested) == {AFTER_FAILURE_S}
        assert ask(tmp_path / "s", "status")["ok"] is True


# --- who may --------------------------------------------------------------------------------------


def test_the_socket_is_closed_by_default(path: Path) -> None:
    """Without a group only the owner may connect; nothing beside the socket is left in its directory."""
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(path.parent) == [path.name]


@needs_root
def test_a_group_opens_the_socket_to_its_members(tmp_path: Path, life: Living) -> None:
    """With a group the socket is its, mode 0660."""
    group = grp.getgrgid(NOBODY).gr_name
    with serving(life, tmp_path / "s", group):
        found = (tmp_path / "s").stat()
        assert (found.st_gid, stat.S_IMODE(found.st_mode)) == (NOBODY, 0o660)


ASKS = """
import os, sys
from pathlib import Path
from drainer.control.client import ask
from drainer.errors import Refused
path, verb, user, group = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
os.setgroups([])
os.setgid(group)
os.setuid(user)
try:
    print(ask(path, verb)["ok"])
except Refused as error:
    print(error.kind, error.reason)
"""
"""The interpreter itself may lie where another user cannot read it: so it becomes him after its imports."""


def as_user(path: Path, verb: str, *, user: int, group: int) -> str:
    """What another user's process is told."""
    asked = subprocess.run(
        [sys.executable, "-c", ASKS, str(path), verb, str(user), str(group)],
        env={"PYTHONPATH": str(Path(__file__).parents[3])},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert asked.returncode == 0, asked.stderr
    return asked.stdout.strip()


@pytest.fixture
def anyones() -> Iterator[Path]:
    """A directory that other users reach; pytest closes its own to them, each time it starts."""
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        yield Path(directory)


@pytest.fixture
def reachable(anyones: Path, life: Living) -> Iterator[Path]:
    """A socket whose own permissions keep nobody out."""
    with serving(life, anyones / "s"):
        (anyones / "s").chmod(0o666)
        yield anyones / "s"


@needs_root
@pytest.mark.parametrize("verb", ["status", "history", "restore", "resume"])
def test_another_user_is_refused_by_the_kernels_word(reachable: Path, life: Living, verb: str) -> None:
    """A user who is neither root nor in the group is refused every verb, even where the file lets him in."""
    told = as_user(reachable, verb, user=NOBODY, group=NOBODY)
    assert told.startswith("not-permitted uid 65534 may not: only root and the daemon's user may")
    assert not (life.state / "journal.jsonl").exists()


@needs_root
def test_a_member_of_the_group_may(anyones: Path, life: Living) -> None:
    """A user whose primary group is the configured one may ask."""
    with serving(life, anyones / "s", grp.getgrgid(NOBODY).gr_name):
        assert as_user(anyones / "s", "resume", user=NOBODY, group=NOBODY) == "True"


@needs_root
def test_the_file_keeps_others_out_too(anyones: Path, life: Living) -> None:
    """A user without permission on the socket is told whom to be."""
    with serving(life, anyones / "s"):
        told = as_user(anyones / "s", "status", user=NOBODY, group=NOBODY)
    assert "is closed to you: ask as root" in told


def test_members_by_primary_group_and_by_list(monkeypatch: pytest.MonkeyPatch) -> None:
    """A member counts by the process's group, by the user's own group, or by name in the group's list."""
    import pwd

    ops = grp.struct_group(("ops", "x", 700, ["ann"]))
    users = {
        50: pwd.struct_passwd(("ann", "x", 50, 50, "", "/", "/bin/sh")),
        51: pwd.struct_passwd(("bob", "x", 51, 700, "", "/", "/bin/sh")),
        52: pwd.struct_passwd(("eve", "x", 52, 52, "", "/", "/bin/sh")),
    }
    monkeypatch.setattr(grp, "getgrnam", lambda name: {"ops": ops}[name])
    monkeypatch.setattr(pwd, "getpwuid", lambda uid: users[uid])
    admit(Peer(uid=0, gid=0), "")
    admit(Peer(uid=os.getuid(), gid=5), "")
    admit(Peer(uid=50, gid=50), "ops")
    admit(Peer(uid=51, gid=51), "ops")
    admit(Peer(uid=99, gid=700), "ops")
    for uid, group in ((52, "ops"), (99, "ops"), (50, ""), (50, "gone")):
        with pytest.raises(Refused, match=f"uid {uid} may not"):
            admit(Peer(uid=uid, gid=uid), group)


# --- the socket's own life ------------------------------------------------------------------------


def test_a_dead_daemons_socket_is_replaced(tmp_path: Path, life: Living) -> None:
    """A socket file that nobody answers is replaced."""
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with serving(life, path):
        assert ask(path, "status")["ok"]


def test_a_living_daemons_socket_is_left_alone(path: Path, life: Living) -> None:
    """A second server over a living one is refused, and the first goes on."""
    second = ControlServer(life.board, path)
    with pytest.raises(Transient, match="another daemon answers"):
        second.start()
    second.stop()
    assert ask(path, "status")["ok"]


def test_a_stranger_file_is_left_alone(tmp_path: Path, life: Living) -> None:
    """A file that is no socket is not replaced."""
    path = tmp_path / "s"
    path.write_text("mine")
    server = ControlServer(life.board, path)
    with pytest.raises(OSError, match="is no socket"):
        server.start()
    server.stop()
    assert path.read_text() == "mine"


@pytest.mark.parametrize("missing", ["/proc/no/such/s", "/tmp/" + "x" * 120])
def test_an_impossible_place_is_an_error_to_report(life: Living, missing: str) -> None:
    """Where no socket can be, start raises OSError and stop is harmless."""
    server = ControlServer(life.board, Path(missing))
    with pytest.raises(OSError, match=r"."):
        server.start()
    server.stop()


def test_an_unknown_group_is_refused(tmp_path: Path, life: Living) -> None:
    """A group that this machine does not know opens nothing."""
    server = ControlServer(life.board, tmp_path / "s", "no-such-group")
    with pytest.raises(Refused, match="no group 'no-such-group'"):
        server.start()
    server.stop()
    assert not (tmp_path / "s").exists()


def test_without_peer_credentials_there_is_no_control(
    tmp_path: Path, life: Living, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the system cannot tell who connects, control says that it is not supported."""
    monkeypatch.setattr(peers, "PEERCRED", None)
    server = ControlServer(life.board, tmp_path / "s")
    with pytest.raises(Refused, match="no control socket"):
        server.start()
    server.stop()
    monkeypatch.delattr(socket, "AF_UNIX")
    with pytest.raises(Refused, match="no control socket on this system"):
        ask(tmp_path / "s", "status")


def test_stop_takes_away_only_its_own_socket(tmp_path: Path, life: Living) -> None:
    """After a stop the socket is gone; one that somebody else put there meanwhile stays."""
    path = tmp_path / "s"
    with serving(life, path):
        pass
    assert not path.exists()
    with serving(life, path):
        path.unlink()
        path.write_text("another")
    assert path.read_text() == "another"


def test_nobody_there_is_told(tmp_path: Path) -> None:
    """Asking where no daemon listens says so, and what to do."""
    with pytest.raises(Transient, match=r"no daemon answers at .* start one: drainer run") as raised:
        ask(tmp_path / "s", "status")
    assert raised.value.kind == "no-daemon"


# --- a daemon in trouble --------------------------------------------------------------------------


def test_a_wish_that_cannot_be_recorded_is_not_granted(tmp_path: Path) -> None:
    """The daemon's refusal to record a wish reaches the asker in its own words."""
    board = Board(lambda: None)

    def refuse(wish: wishes.Wish, by: str) -> None:
        raise Broken("journal-unwritable", "the disk is full")

    stop = threading.Event()

    def grant() -> None:
        while not stop.wait(0.005):
            board.take_wishes(refuse)

    granting = threading.Thread(target=grant)
    granting.start()
    server = ControlServer(board, tmp_path / "s", seen_within=timedelta(0))
    server.start()
    try:
        with pytest.raises(Refused, match="the disk is full"):
            ask(tmp_path / "s", "resume")
        for verb in ("force", "restore", "adopt"):
            with pytest.raises(Transient, match="not looked around yet"):
                ask(tmp_path / "s", verb)
    finally:
        stop.set()
        granting.join()
        server.stop()


def test_a_slow_daemon_is_answered_with_what_is_known(tmp_path: Path) -> None:
    """Where no tick follows a granted wish in time, the answer carries the last status."""
    board = Board(lambda: None)
    stop = threading.Event()

    def grant() -> None:
        while not stop.wait(0.005):
            board.take_wishes(lambda wish, by: None)

    granting = threading.Thread(target=grant)
    granting.start()
    server = ControlServer(board, tmp_path / "s", seen_within=timedelta(milliseconds=30))
    server.start()
    try:
        answer = ask(tmp_path / "s", "skip", event_id="E1")
        assert answer["status"]["phase"] == "starting"
    finally:
        stop.set()
        granting.join()
        server.stop()


@pytest.mark.parametrize("answered", [b'{"schema":9,"ok":true}\n', b"what?\n"])
def test_an_answer_of_another_release_is_not_believed(tmp_path: Path, answered: bytes) -> None:
    """An answer that is not of this schema is an error that names the way out."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()

        def reply() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(answered)

        replying = threading.Thread(target=reply)
        replying.start()
        with pytest.raises(Refused, match="restart the daemon"):
            ask(tmp_path / "s", "status")
        replying.join()


def test_drain_until_is_kept_in_utc(path: Path) -> None:
    """A time with another zone is kept as the same instant in UTC."""
    zoned = datetime.fromisoformat(soon()).astimezone(UTC) + timedelta(hours=2)
    text = zoned.isoformat()
    assert ask(path, "hold", until=text)["status"]["wishes"]["hold_until"].endswith("Z")
