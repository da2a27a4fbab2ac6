"""HTTP for the one-second poll, on http.client alone: one kept connection to one base URL.

Bounded in body and in total time, also against a peer that trickles bytes. It reads no proxy from the
environment and follows no redirect. It must not know what the bodies mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPMessage, HTTPResponse, IncompleteRead
from math import inf
from time import monotonic
from typing import NoReturn
from urllib.parse import urlsplit

from drainer.errors import Transient
from drainer.transport.faults import FAULTS, transient
from drainer.transport.timed_socket import TimedSocket, connected

BODY_LIMIT = 1 << 20
"""The largest body that is read, in bytes."""

WIRE_LIMIT = 2 * BODY_LIMIT
"""The most bytes of one answer with its framing. http.client bounds neither a chunk of "-1" bytes, nor the
size of a chunk's line, nor heads of 100 Continue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One complete HTTP answer: any status but a redirect. Header names are found in any case."""

    status: int
    headers: HTTPMessage
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseUrl:
    """Where the service is. `path` has no slash at its end."""

    host: str
    port: int
    path: str

    @classmethod
    def parse(cls, text: str) -> BaseUrl:
        """Raises ValueError("expected …, got …") for anything but http://HOST[:PORT][/PATH]."""
        try:
            parts = urlsplit(text)
            port = parts.port
        except ValueError as error:
            raise ValueError(f"expected http://HOST[:PORT], got {text!r} ({error})") from error
        extras = parts.username or parts.password or parts.query or parts.fragment
        if parts.scheme != "http" or not parts.hostname or extras or not text.isascii() or " " in text:
            raise ValueError(f"expected http://HOST[:PORT], got {text!r}")
        return cls(host=parts.hostname, port=80 if port is None else port, path=parts.path.rstrip("/"))

    @property
    def peer(self) -> str:
        """Host and port, for people; IPv6 in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class HttpPeer:
    """One peer, asked one thing at a time. Every verb raises Transient alone.

    Kinds: timeout, refused, reset, truncated, garbled, oversized, redirected, unresolved, unreachable.
    Not bounded: the look-up of a host *name*, which the platform's resolver bounds; addresses need none.
    `lifetime_s`: no call outlasts this many seconds from now on, whatever its own bound.
    """

    def __init__(self, base_url: str, *, lifetime_s: float = inf) -> None:
        self._base = BaseUrl.parse(base_url)
        self._last_moment = monotonic() + lifetime_s
        self._connection: HTTPConnection | None = None
        self._socket: TimedSocket | None = None
        self._answer_by: float | None = None

    def get(self, path: str, *, headers: Mapping[str, str], timeout_s: float) -> Answer:
        """Ask on the kept connection. Where that went stale while idle, ask once more on a fresh one."""
        deadline = self._deadline(timeout_s)
        if self.waiting:
            self.close()
        kept = self._socket
        if kept is not None:
            try:
                return self._exchange("GET", path, None, headers, deadline)
            except Transient as error:
                if error.kind != "reset" or kept.heard:
                    raise
        self._connect(deadline)
        return self._exchange("GET", path, None, headers, deadline)

    def post(self, path: str, body: bytes, *, headers: Mapping[str, str], timeout_s: float) -> Answer:
        """Ask once, on a fresh connection: a stale one would leave open whether it arrived."""
        deadline = self._deadline(timeout_s)
        self._connect(deadline)
        return self._exchange("POST", path, body, headers, deadline)

    def begin(
        self, path: str, *, headers: Mapping[str, str], connect_timeout_s: float, answer_timeout_s: float
    ) -> None:
        """Send a GET whose answer may take long; `finish` collects it."""
        self._connect(self._deadline(connect_timeout_s))
        self._send("GET", path, None, headers)
        self._answer_by = self._deadline(answer_timeout_s)

    def finish(self, *, turn_s: float, timeout_s: float) -> Answer | None:
        """The answer to `begin`. None: not one byte of it yet after `turn_s` seconds; call again.

        Once it begins to arrive, it has `timeout_s` to be complete.
        """
        assert self._socket is not None
        assert self._answer_by is not None, "nothing was begun"
        try:
            arrived = self._socket.arrived(by=min(monotonic() + turn_s, self._answer_by))
        except FAULTS as error:
            self._fail(error)
        if arrived:
            self._answer_by = None
            return self._receive(self._deadline(timeout_s))
        if monotonic() >= self._answer_by:
            self._fail(TimeoutError("no answer"))
        return None

    @property
    def waiting(self) -> bool:
        """Whether something was begun and not finished."""
        return self._answer_by is not None

    def close(self) -> None:
        """Drop the connection; the next call makes a new one."""
        connection, self._connection, self._socket = self._connection, None, None
        self._answer_by = None
        if connection is not None:
            connection.close()

    def _deadline(self, within_s: float) -> float:
        return min(monotonic() + within_s, self._last_moment)

    def _connect(self, deadline: float) -> None:
        self.close()
        try:
            self._socket = connected(self._base.host, self._base.port, deadline=deadline)
        except FAULTS as error:
            self._fail(error)
        self._connection = HTTPConnection(self._base.host, self._base.port)
        self._connection.auto_open = 0
        self._connection.sock = self._socket
        self._socket.most = WIRE_LIMIT

    def _exchange(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str], deadline: float
    ) -> Answer:
        assert self._socket is not None
        self._socket.deadline = deadline
        self._socket.heard = 0
        self._send(method, path, body, headers)
        return self._receive(deadline)

    def _send(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> None:
        assert self._connection is not None
        try:
            self._connection.request(method, self._base.path + path, body, dict(headers))
        except FAULTS as error:
            self._fail(error)

    def _receive(self, deadline: float) -> Answer:
        assert self._connection is not None
        assert self._socket is not None
        self._socket.deadline = deadline
        try:
            response = self._connection.getresponse()
            with closing(response):  # where the connection ends with it, nobody else would
                body = _body(response)
                complete = response.isclosed()
        except FAULTS as error:
            self._fail(error)
        if response.will_close or not complete:
            self.close()
        if 300 <= response.status < 400 and response.status != 304:
            self.close()
            raise Transient("redirected", f"{self._base.host} answered {response.status}: not followed")
        return Answer(status=response.status, headers=response.msg, body=body)

    def _fail(self, error: Exception) -> NoReturn:
        """Drop the connection, so that no late byte is ever read as the next answer."""
        self.close()
        raise transient(error, peer=self._base.peer) from error


def _body(response: HTTPResponse) -> bytes:
    """The whole body. Raises IncompleteRead where it ended early, OverflowError above the limit."""
    if response.length is not None and response.length > BODY_LIMIT:
        raise OverflowError(f"a body of {response.length} bytes")
    body = response.read(BODY_LIMIT + 1)
    if len(body) > BODY_LIMIT:
        raise OverflowError(f"a body above {BODY_LIMIT} bytes")
    if response.length:
        raise IncompleteRead(body, response.length)
    return body
