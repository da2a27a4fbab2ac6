"""The asking end of the control socket."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

from drainer.control.protocol import (
    ANSWER_LIMIT,
    ANSWER_WITHIN_S,
    REQUEST_WITHIN_S,
    Request,
    read_answer,
    read_line,
    write_request,
)
from drainer.errors import Refused, Transient


def ask(path: Path, verb: str, **fields: object) -> dict[str, Any]:
    """What the daemon answers.

    Raises Transient kind "no-daemon" (nobody listens there), "daemon-silent" (nothing came, and it may have
    happened) or the daemon's own; Refused kind "not-permitted", or the daemon's own.
    """
    if not hasattr(socket, "AF_UNIX"):
        raise Refused("control-unsupported", "there is no control socket on this system")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(REQUEST_WITHIN_S)
        _connect(connection, path)
        try:
            connection.sendall(write_request(Request(verb=verb, fields=fields)))
            line = read_line(connection, most=ANSWER_LIMIT, within_s=ANSWER_WITHIN_S)
        except OSError as error:
            raise Transient("daemon-silent", f"the daemon at {path} did not answer: {error}") from error
    return read_answer(line)


def _connect(connection: socket.socket, path: Path) -> None:
    try:
        connection.connect(str(path))
    except PermissionError as error:
        raise Refused(
            "not-permitted",
            f"{path} is closed to you: ask as root, or as a member of the daemon's --control-group",
        ) from error
    except OSError as error:
        raise Transient(
            "no-daemon", f"no daemon answers at {path} ({error.strerror or error}); start one: drainer run"
        ) from error
