"""A socket with one deadline, and one bound in bytes, over any number of reads and writes.

A plain socket's timeout starts anew with every byte that arrives, so a peer that trickles could hold its
reader for ever; and whoever reads from it may read on and on. Deadlines are `time.monotonic` seconds.
"""

from __future__ import annotations

import socket
import sys
from time import monotonic
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer


class TimedSocket(socket.socket):
    """Inherits, since http.client reads through `makefile`, which asks for a real socket.

    `heard` counts the bytes that were read; past `most` a read raises OverflowError.
    """

    deadline = 0.0
    heard = 0
    most = sys.maxsize

    def recv_into(self, buffer: WriteableBuffer, nbytes: int = 0, flags: int = 0) -> int:
        self._until(self.deadline)
        count = super().recv_into(buffer, nbytes, flags)
        self.heard += count
        if self.heard > self.most:
            raise OverflowError(f"more than {self.most} bytes")
        return count

    def sendall(self, data: ReadableBuffer, flags: int = 0, /) -> None:
        self._until(self.deadline)
        super().sendall(data, flags)

    def arrived(self, *, by: float) -> bool:
        """Whether anything can be read, be it the end, before `by`. Raises OSError on a reset."""
        try:
            self._until(by)
            self.recv(1, socket.MSG_PEEK)
        except TimeoutError:
            return False
        return True

    def _until(self, deadline: float) -> None:
        remaining = deadline - monotonic()
        if remaining <= 0:
            raise TimeoutError("the deadline passed")
        self.settimeout(remaining)


def connected(host: str, port: int, *, deadline: float) -> TimedSocket:
    """Try each address of the host in turn. Raises the last address's OSError."""
    failure: OSError = OSError(f"{host} has no address")
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        try:
            return _connected(family, kind, protocol, address, deadline)
        except OSError as error:
            failure = error
    raise failure


def _connected(family: int, kind: int, protocol: int, address: Any, deadline: float) -> TimedSocket:
    timed = TimedSocket(family, kind, protocol)
    try:
        timed.deadline = deadline
        timed._until(deadline)
        timed.connect(address)
        timed.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except BaseException:
        timed.close()
        raise
    return timed
