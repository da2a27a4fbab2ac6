"""A peer that has said what it will say: both ends of a connection in one process."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def said(content: bytes) -> Iterator[socket.socket]:
    """The end that reads `content` and then the other side's end of sending."""
    here, there = socket.socketpair()
    with here, there:
        there.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 18)
        there.setblocking(False)
        there.sendall(content)
        there.shutdown(socket.SHUT_WR)
        yield here


def heard(end: socket.socket) -> bytes:
    """Everything that can be read without waiting."""
    end.setblocking(False)
    content = b""
    try:
        while chunk := end.recv(1 << 16):
            content += chunk
    except BlockingIOError:
        pass
    return content
