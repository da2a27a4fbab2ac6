"""What can go wrong between two peers, translated once: every library error becomes a Transient."""

from __future__ import annotations

import socket
from http.client import HTTPException, IncompleteRead, RemoteDisconnected

from drainer.errors import Transient

FAULTS = (OSError, HTTPException, OverflowError, ValueError)
"""Everything that http.client and a socket raise over a network or a peer that misbehaves."""


def transient(error: Exception, *, peer: str) -> Transient:
    """The same fault in our words; `peer` is for people."""
    kind = _kind(error)
    return Transient(kind, f"{peer}: {_WORDS[kind]} ({type(error).__name__}: {error})")


def _kind(error: Exception) -> str:
    match error:
        case TimeoutError():
            return "timeout"
        case ConnectionRefusedError():
            return "refused"
        case RemoteDisconnected() | ConnectionResetError() | BrokenPipeError() | ConnectionAbortedError():
            return "reset"
        case IncompleteRead():
            return "truncated"
        case OverflowError():
            return "oversized"
        case socket.gaierror() | UnicodeError():
            return "unresolved"
        case OSError():
            return "unreachable"
        case _:
            return "garbled"


_WORDS = {
    "timeout": "no complete answer in time",
    "refused": "nothing listens there",
    "reset": "the connection was closed on us",
    "truncated": "the answer ended early",
    "oversized": "the answer is too large",
    "unresolved": "the host name was not found",
    "unreachable": "no way there",
    "garbled": "the answer is no HTTP",
}
