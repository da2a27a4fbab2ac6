"""A peer that says exactly the bytes it is told to, and breaks off exactly where it is told to."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

RESET = struct.pack("ii", 1, 0)  # SO_LINGER on, zero seconds: close sends RST


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Ended(Exception):
    """The client closed its side."""


@dataclass(slots=True)
class Talk:
    """One accepted connection, from the server's side."""

    sock: socket.socket
    stopped: threading.Event
    heard: list[Request]
    number: int
    buffer: bytes = b""

    def request(self) -> Request:
        """The next request. Raises Ended when the client closes."""
        while b"\r\n\r\n" not in self.buffer:
            self._more()
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        length = int(headers.get("content-length", "0"))
        while len(self.buffer) < length:
            self._more()
        body, self.buffer = self.buffer[:length], self.buffer[length:]
        method, path, _ = first.split(" ")
        self.heard.append(Request(method=method, path=path, headers=headers, body=body))
        return self.heard[-1]

    def send(self, what: bytes) -> None:
        self.sock.sendall(what)

    def trickle(self, what: bytes, *, every_s: float) -> None:
        """One byte at a time, until the client has had enough."""
        for byte in what:
            if self.stopped.wait(every_s):
                return
            self.send(bytes([byte]))

    def reset(self) -> None:
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.sock.close()

    def silence(self) -> None:
        """Say nothing until the test ends or the client leaves."""
        while self.sock.recv(65536):
            pass

    def _more(self) -> None:
        received = self.sock.recv(65536)
        if not received:
            raise Ended
        self.buffer += received


Script = Callable[[Talk], None]


@dataclass(slots=True)
class RawPeer:
    """Where it listens, and what it was asked."""

    base_url: str
    port: int
    heard: list[Request] = field(default_factory=list)
    connections: list[socket.socket] = field(default_factory=list)

    @property
    def paths(self) -> list[str]:
        return [request.path for request in self.heard]


@contextlib.contextmanager
def listening(script: Script, *, family: socket.AddressFamily = socket.AF_INET) -> Iterator[RawPeer]:
    """Run `script` once per connection, each in a thread of its own."""
    host = "::1" if family is socket.AF_INET6 else "127.0.0.1"
    listener = socket.create_server((host, 0), family=family)
    port = listener.getsockname()[1]
    shown = f"[{host}]" if ":" in host else host
    peer = RawPeer(base_url=f"http://{shown}:{port}", port=port)
    stopped = threading.Event()
    threads: list[threading.Thread] = []

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = listener.accept()
                peer.connections.append(sock)
                talk = Talk(sock=sock, stopped=stopped, heard=peer.heard, number=len(peer.connections))
                threads.append(threading.Thread(target=_speak, args=(script, talk)))
                threads[-1].start()

    acceptor = threading.Thread(target=accept)
    acceptor.start()
    try:
        yield peer
    finally:
        stopped.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        acceptor.join(5)
        for sock in peer.connections:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join(5)
            assert not thread.is_alive()


def _speak(script: Script, talk: Talk) -> None:
    with contextlib.suppress(OSError, Ended):
        script(talk)
    with contextlib.suppress(OSError):
        talk.sock.shutdown(socket.SHUT_RDWR)
    talk.sock.close()


def answer(body: bytes = b"", *, status: str = "200 OK", **headers: str) -> bytes:
    """One well-made HTTP answer; `headers` with _ for -."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def saying(*answers: bytes) -> Script:
    """Each request gets the next answer over all connections, the last one again and again."""
    left = list(answers)

    def script(talk: Talk) -> None:
        while True:
            talk.request()
            talk.send(left.pop(0) if len(left) > 1 else left[0])

    return script


def by_path(routes: dict[str, list[bytes]]) -> Script:
    """Answers per path (up to the query); 404 elsewhere; the last one of a path again and again."""

    def script(talk: Talk) -> None:
        while True:
            asked = talk.request().path.partition("?")[0]
            answers = routes.get(asked)
            if answers is None:
                talk.send(answer(b"no such thing", status="404 Not Found"))
            else:
                talk.send(answers.pop(0) if len(answers) > 1 else answers[0])

    return script
