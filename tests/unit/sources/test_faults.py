"""Every fault of the library has one of our names."""

from __future__ import annotations

import socket
from http.client import BadStatusLine, IncompleteRead, LineTooLong, RemoteDisconnected

import pytest

from drainer.transport.faults import FAULTS, transient


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("timeout", TimeoutError()),
        ("refused", ConnectionRefusedError()),
        ("reset", ConnectionResetError()),
        ("reset", BrokenPipeError()),
        ("reset", ConnectionAbortedError()),
        ("reset", RemoteDisconnected("closed")),
        ("truncated", IncompleteRead(b"")),
        ("oversized", OverflowError()),
        ("unresolved", socket.gaierror()),
        ("unresolved", UnicodeError()),
        ("unreachable", OSError(113, "No route to host")),
        ("garbled", BadStatusLine("x")),
        ("garbled", LineTooLong("header line")),
        ("garbled", ValueError()),
    ],
)
def test_names(kind: str, error: Exception) -> None:
    """The name is bounded, the reason tells the peer, and the fault is one that is caught."""
    translated = transient(error, peer="169.254.169.254:80")
    assert kind == translated.kind
    assert translated.reason.startswith("169.254.169.254:80: ")
    assert isinstance(error, FAULTS)
