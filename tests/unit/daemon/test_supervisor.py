"""What the supervisor hears, over real datagram sockets, and from a real daemon."""

from __future__ import annotations

import socket
import uuid
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from drainer import supervisor
from drainer.supervisor import Supervisor
from tests.sidecar import NOBODY, Sidecar, standing
from tests.until import DEADLINE_S, until


@pytest.fixture(params=["path", "abstract"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f"@drainer-{uuid.uuid4()}" if request.param == "abstract" else str(tmp_path / "notify")


@pytest.fixture
def listening(address: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(address.replace("@", "\0", 1))
        listener.settimeout(DEADLINE_S)
        yield listener


def heard(listener: socket.socket) -> list[str]:
    """Everything told so far."""
    listener.setblocking(False)
    words = []
    while True:
        try:
            words.append(listener.recv(4096).decode())
        except BlockingIOError:
            return words


def test_every_word_arrives_as_its_protocol_has_it(listening: socket.socket, address: str) -> None:
    """Ready, status, alive and stopping reach a socket on disk and an abstract one."""
    told = Supervisor({"NOTIFY_SOCKET": address})
    told.ready()
    told.status("steady: nothing\nis announced")
    told.alive()
    told.stopping()
    assert heard(listening) == ["READY=1", "STATUS=steady: nothing is announced", "WATCHDOG=1", "STOPPING=1"]


def test_a_status_is_told_only_when_it_changed(listening: socket.socket, address: str) -> None:
    """The same line again is not told again; another one is, cut where it is endless."""
    told = Supervisor({"NOTIFY_SOCKET": address})
    for line in ("a", "a", "b", "x" * 5000):
        told.status(line)
    longest = "x" * supervisor.LONGEST_STATUS
    assert heard(listening) == ["STATUS=a", "STATUS=b", f"STATUS={longest}"]


def test_life_is_told_at_most_once_a_second(
    listening: socket.socket, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wait that feeds the watchdog twenty times a second costs one datagram a second."""
    moments = [0.0, 0.5, 0.9, 1.0, 1.5, 2.0]
    told = Supervisor({"NOTIFY_SOCKET": address})
    for moment in moments:
        monkeypatch.setattr(supervisor, "monotonic", partial(float, moment))
        told.alive()
    assert heard(listening) == ["WATCHDOG=1"] * 3


@pytest.mark.parametrize("stated", ["", "relative", "vsock:2:1234", "/nowhere/at/all", "@nobody-listens"])
def test_where_nobody_listens_nothing_goes_wrong(stated: str) -> None:
    """No variable, a kind of address that we do not know, or nobody behind it: the daemon goes on."""
    told = Supervisor({"NOTIFY_SOCKET": stated} if stated else {})
    told.ready()
    told.alive()
    told.status("steady")
    told.stopping()


def test_a_supervisor_that_does_not_read_holds_nobody(listening: socket.socket, address: str) -> None:
    """Its socket is full: what is told from then on is dropped, and telling returns at once."""
    told = Supervisor({"NOTIFY_SOCKET": address})
    for number in range(2000):
        told.status(str(number))
    assert 1 <= len(heard(listening)) < 2000


def test_the_daemon_is_ready_before_any_network(
    listening: socket.socket, address: str, tmp_path: Path
) -> None:
    """The journal locked and the metadata service never answering: ready all the same, then blind, alive."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        one = Sidecar(tmp_path / "vm", f"http://127.0.0.1:{silent.getsockname()[1]}", route=NOBODY)
        try:
            one.start(environment={"NOTIFY_SOCKET": address})
            assert listening.recv(4096) == b"READY=1"
            assert (one.state / "lock").exists()
            words: list[str] = []

            def alive() -> bool:
                words.extend(heard(listening))
                return "WATCHDOG=1" in words and "STATUS=blind" in words

            until(alive, "a word of life, and a status")
            assert one.stop() == 0
            assert heard(listening)[-1] == "STOPPING=1"
        finally:
            one.close()


def test_a_daemon_that_may_not_start_is_never_ready(
    listening: socket.socket, address: str, tmp_path: Path
) -> None:
    """Another daemon holds the journal: it ends with 75, and nobody hears that it is ready."""
    one = Sidecar(tmp_path / "vm", "http://127.0.0.1:1", route=NOBODY)
    other = Sidecar(tmp_path / "vm", "http://127.0.0.1:1", route=NOBODY)
    try:
        one.start()
        one.until_said("daemon.started")
        other.start(environment={"NOTIFY_SOCKET": address})
        assert other.ended() == 75
        assert heard(listening) == []
    finally:
        one.close()
        other.close()


SLOW = """\
  - command:
      membership: [{program}]
      cordon: ["true"]
      restore: ["true"]
      timeout: 1m"""


def test_a_program_of_the_policy_that_takes_its_time_is_no_hang(
    listening: socket.socket, address: str, tmp_path: Path
) -> None:
    """The deciding thread waits for a layer's program and says all the while that it is alive."""
    began, enough, program = tmp_path / "began", tmp_path / "enough", tmp_path / "slow"
    program.write_text(
        f"#!/bin/sh\ntouch {began}\nuntil test -e {enough}; do sleep 0.1; done\necho '{{\"entries\": []}}'\n"
    )
    program.chmod(0o755)
    with standing(tmp_path / "vm", backend=SLOW.format(program=program)) as stand:
        stand.sidecar.start(environment={"NOTIFY_SOCKET": address})
        until(began.exists, "the program runs")
        heard(listening)
        words: list[str] = []

        def fed() -> bool:
            words.extend(heard(listening))
            return words.count("WATCHDOG=1") >= 3

        try:
            until(fed, "words of life while it runs")
        finally:
            enough.touch()
        assert stand.sidecar.stop() == 0
