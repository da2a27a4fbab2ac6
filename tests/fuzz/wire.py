"""Bytes from sockets and pipes: HTTP, HAProxy's runtime API, the control socket, the prober, a child."""

from __future__ import annotations

import socket
from contextlib import suppress
from http.client import HTTPConnection
from time import monotonic

from drainer.backends.haproxy import KIND, HaProxy, Options
from drainer.clock import ManualClock
from drainer.control import protocol
from drainer.control.granting import FIELDS, wish_of
from drainer.core.model import Entry, Membership, Standing
from drainer.errors import DrainerError, Refused, Transient
from drainer.probe.server import Server, Verdict
from drainer.testing import surroundings
from drainer.transport.azure import framing
from drainer.transport.http import BODY_LIMIT, HttpPeer
from drainer.transport.timed_socket import TimedSocket
from tests.fuzz.sockets import heard, said
from tests.fuzz.target import Form, Target

WAS = Membership(entries=(Entry(name="web/vm1", standing=Standing.IN, detail="admin=0x00"),))
STATE = b"1\n# be_id be_name srv_id srv_name srv_op_state srv_admin_state srv_uweight\n1 web 1 vm1 2 0 1\n\n"
STAT = (
    b"# pxname,svname,qcur,scur,check_status,check_rise,check_fall,check_health,\nweb,vm1,0,3,L4OK,2,3,4,\n\n"
)
INFO = b"Name: HAProxy\nPid: 7\nStart_time_sec: 1700000000\n\n"
BETWEEN = b"\0"


class SocketPeer(HttpPeer):
    """A peer whose connection is one end of a pair, instead of an address."""

    def __init__(self, end: socket.socket) -> None:
        super().__init__("http://127.0.0.1:1")
        self._end = end

    def _connect(self, deadline: float) -> None:
        self._socket = TimedSocket(fileno=self._end.detach())
        self._socket.deadline = deadline
        self._connection = HTTPConnection("127.0.0.1", 1)
        self._connection.auto_open = 0
        self._connection.sock = self._socket


def http_answer(content: bytes) -> None:
    """An answer is complete and bounded, or Transient."""
    with said(content) as end:
        peer = SocketPeer(end)
        try:
            answer = peer.get("/", headers={}, timeout_s=2.0)
        except Transient:
            return
        finally:
            peer.close()
    assert len(answer.body) <= BODY_LIMIT
    assert not 300 <= answer.status < 400 or answer.status == 304


class Answers:
    """HAProxy's socket, which answers each command by how it begins."""

    def __init__(self, answers: dict[str, bytes]) -> None:
        self._answers = answers
        self._left = b""

    def __enter__(self) -> Answers:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def sendall(self, command: bytes) -> None:
        found = (answer for start, answer in self._answers.items() if command.decode().startswith(start))
        self._left = next(found)

    def settimeout(self, _: float) -> None:
        return

    def recv(self, count: int) -> bytes:
        chunk, self._left = self._left[:count], self._left[count:]
        return chunk


def haproxy(content: bytes) -> None:
    """Every verb returns or raises an error of ours, whatever HAProxy answers."""
    state, stat, show, told, *_ = (*content.split(BETWEEN, 3), b"", b"", b"")
    answers = Answers({"show servers state": state, "show stat": stat, "show info": show, "set": told})
    backend = KIND.build(Options(), surroundings(ManualClock()))
    assert isinstance(backend, HaProxy)
    backend._api._connected = lambda: answers  # type: ignore[method-assign,assignment,return-value]
    verbs = (
        backend.membership,
        backend.in_flight,
        backend.in_service_count,
        backend.cordon,
        lambda: backend.isolate(WAS),
        lambda: backend.restore(WAS),
    )
    for verb in verbs:
        with suppress(DrainerError):
            verb()
    backend.undo()


def control(line: bytes) -> None:
    """A request is granted as a wish that makes sense, or refused in words that can be sent back."""
    try:
        request = protocol.read_request(line)
        protocol.read_request(protocol.write_request(request))
        if request.verb in FIELDS:
            wish_of(request, None, ManualClock().now().wall)
    except DrainerError as error:
        said_no = protocol.write_refusal(error)
        assert said_no.count(b"\n") == 1


def control_answer(line: bytes) -> None:
    """What a daemon answers is an object of this release, or an error of ours."""
    with suppress(Refused, Transient):
        assert protocol.read_answer(line)["ok"] is True


def framed(line: bytes) -> None:
    """What the child or the daemon says is a call, an answer, or ValueError; an answer is written the same."""
    with suppress(ValueError):
        framing.read_call(line)
    try:
        answer = framing.read_answer(line)
    except ValueError:
        return
    framing.read_state(answer.result)
    again = framing.read_answer(framing.write_answer(answer))
    assert (again.number, type(again.error), str(again.error)) == (
        answer.number,
        type(answer.error),
        str(answer.error),
    )


def prober(content: bytes) -> None:
    """Only GET of the route itself is judged; every other whole request is answered with its 4xx, and one
    that is not whole with nothing."""
    judged: list[bool] = []

    def judge() -> Verdict:
        judged.append(True)
        return Verdict(up=True)

    here, there = socket.socketpair()
    with there:
        there.setblocking(False)
        there.sendall(content)
        there.shutdown(socket.SHUT_WR)
        began = monotonic()
        Server(judge, lambda asker, which: None)._serve(here, "127.0.0.1")
        assert monotonic() - began < 5
        answer = heard(there)
    if b"\r\n\r\n" not in content:
        assert answer == b""
        return
    first = content.split(b"\r\n")[0]
    assert bool(judged) == answer.startswith(b"HTTP/1.1 200 ")
    assert not judged or first.startswith((b"GET /ready ", b"GET /ready?"))


TARGETS = (
    Target(
        name="http-answer",
        one=http_answer,
        under=("drainer.transport.http", "drainer.transport.timed_socket"),
        seeds=lambda: (
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nETag: 1\r\n\r\n{}",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
            b"HTTP/1.1 304 Not Modified\r\n\r\n",
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 410 Gone\r\nConnection: close\r\n\r\nx",
        ),
        words=(
            "HTTP/1.1 ",
            "HTTP/0.9",
            "Content-Length: ",
            "Transfer-Encoding: chunked",
            "\r\n",
            "ffffffff",
            "-1",
        ),
    ),
    Target(
        name="haproxy",
        one=haproxy,
        under=("drainer.backends.haproxy", "drainer.backends.haproxy_socket"),
        seeds=lambda: (
            BETWEEN.join((STATE, STAT, INFO, b"\n")),
            BETWEEN.join((STATE.replace(b" 2 0 1", b" 0 1 0"), STAT, INFO, b"No such server.\n")),
            BETWEEN.join((STATE.replace(b" 2 0 1", b" 2 8 1"), STAT, INFO, b"Permission denied\n\n")),
        ),
        words=(
            "# ",
            "srv_admin_state",
            "\n\n",
            '"',
            "web",
            "vm1",
            "check_health",
            "9" * 5000,
            "²",
            "\r",
            "\x85",
        ),
    ),
    Target(
        name="control",
        one=control,
        under=("drainer.control.protocol", "drainer.control.granting"),
        seeds=lambda: (
            b'{"schema":1,"verb":"status"}',
            b'{"schema":1,"verb":"hold","until":"2030-01-01T00:00:00Z"}',
            b'{"schema":1,"verb":"skip","event_id":"A"}',
            b'{"schema":1,"verb":"drain","reason":"kernel","until":"2030-01-01T00:00:00+01:00"}',
        ),
        form=Form.JSON,
        words=("schema", "verb", "until", "reason", "event_id", "0001-01-01T00:00:00+23:59", "\\ud800"),
    ),
    Target(
        name="control-answer",
        one=control_answer,
        under=("drainer.control.protocol",),
        seeds=lambda: (
            b'{"schema":1,"ok":true,"status":{}}',
            b'{"schema":1,"ok":false,"kind":"k","reason":"r","again":true}',
        ),
        form=Form.JSON,
        words=("schema", "ok", "kind", "reason", "again", "[" * 64),
        longest=65536,
    ),
    Target(
        name="child-framing",
        one=framed,
        under=("drainer.transport.azure.framing",),
        seeds=lambda: (
            b'{"n":1,"verb":"get","args":{"resource_id":"/x"}}',
            b'{"n":1,"result":{"state":"failed","code":"c","reason":"r"}}',
            b'{"n":2,"error":{"is":"transient","kind":"k","reason":"r","retry_after_s":1.5}}',
        ),
        form=Form.JSON,
        words=("NaN", "Infinity", "1e308", "retry_after_s", "result", "error", "[" * 64),
        longest=65536,
    ),
    Target(
        name="probe-request",
        one=prober,
        under=("drainer.probe.server",),
        seeds=lambda: (
            b"GET /ready HTTP/1.1\r\nHost: x\r\n\r\n",
            b"POST /ready?x HTTP/1.0\r\n\r\n",
            b"GET / HTTP/1.1\r\n\r\n",
        ),
        words=("GET ", "/ready", " HTTP/1.1", "\r\n\r\n", "?"),
        longest=10000,
    ),
)
