"""The listening end of the control socket: accept, know the peer, answer one line, hang up.

Threads beside the daemon. They decide nothing and never raise into it.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import threading
from datetime import timedelta
from pathlib import Path
from time import monotonic

from drainer.board import Board, Snapshot
from drainer.clock import SystemClock
from drainer.control import peers
from drainer.control.granting import FIELDS, wish_of
from drainer.control.history import history_in
from drainer.control.protocol import (
    REQUEST_LIMIT,
    REQUEST_WITHIN_S,
    Request,
    bad,
    read_line,
    read_request,
    write_answer,
    write_refusal,
)
from drainer.errors import DrainerError, Refused, Transient
from drainer.ports import Clock
from drainer.status import Json, status_of

CONNECTIONS = 16
SEEN_WITHIN = timedelta(seconds=2)
"""How long an answer waits for the tick that has seen the wish."""

LOOK_EVERY_S = 0.02
AFTER_FAILURE_S = 0.1


class ControlServer:
    """`group` "": only root and the daemon's own user may speak to it. `state`: where the journal lies."""

    def __init__(
        self,
        board: Board,
        path: Path,
        group: str = "",
        *,
        state: Path | None = None,
        clock: Clock | None = None,
        seen_within: timedelta = SEEN_WITHIN,
    ) -> None:
        self._board = board
        self._path = path
        self._group = group
        self._state = state
        self._clock = clock or SystemClock()
        self._seen_within = seen_within
        self._free = threading.BoundedSemaphore(CONNECTIONS)
        self._rest = threading.Event()
        self._listener: socket.socket | None = None
        self._inode = 0
        self._told_to_stop, self._tell = socket.socketpair()
        self._thread = threading.Thread(target=self._serve, name="control", daemon=True)

    def start(self) -> None:
        """Listen, and return. Raises OSError or DrainerError: it cannot be had here.

        The socket of a daemon that died is replaced; one that a living daemon answers is left alone.
        """
        if not peers.supported():
            raise Refused("control-unsupported", "this system cannot tell who connects: no control socket")
        gid = peers.group_id(self._group) if self._group else None
        self._path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        if _answered(self._path):
            raise Transient("socket-taken", f"another daemon answers at {self._path}")
        self._listener = _bound(self._path, gid)
        self._inode = self._path.stat().st_ino
        self._thread.start()

    def stop(self) -> None:
        """Stop listening, and take the socket away unless it is somebody else's by now."""
        self._tell.send(b"x")
        if self._thread.is_alive():
            self._thread.join()
        with contextlib.suppress(OSError):
            if self._path.stat().st_ino == self._inode:
                self._path.unlink()
        for end in (self._listener, self._told_to_stop, self._tell):
            if end is not None:
                end.close()

    # --- connections ---

    def _serve(self) -> None:
        assert self._listener is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ)
            selector.register(self._told_to_stop, selectors.EVENT_READ)
            while True:
                ready = [key.fileobj for key, _ in selector.select()]
                if self._told_to_stop in ready:
                    return
                self._accept(self._listener)

    def _accept(self, listener: socket.socket) -> None:
        """One more connection; beyond `CONNECTIONS` at once they are hung up on."""
        try:
            connection, _ = listener.accept()
        except OSError:  # no descriptor is free, and who waits keeps waiting: not asked for again at once
            self._rest.wait(AFTER_FAILURE_S)
            return
        if not self._free.acquire(blocking=False):
            connection.close()
            return
        try:
            threading.Thread(target=self._converse, args=(connection,), daemon=True).start()
        except RuntimeError:  # the machine gives no thread now: as if there were too many
            self._free.release()
            connection.close()

    def _converse(self, connection: socket.socket) -> None:
        try:
            with connection, contextlib.suppress(OSError):
                line = read_line(connection, most=REQUEST_LIMIT, within_s=REQUEST_WITHIN_S)
                answer = self._answer(peers.peer_of(connection), line)
                connection.settimeout(REQUEST_WITHIN_S)
                connection.sendall(answer)
        finally:
            self._free.release()

    def _answer(self, peer: peers.Peer, line: bytes) -> bytes:
        try:
            peers.admit(peer, self._group)
            return write_answer(self._said(read_request(line), by=f"uid {peer.uid}"))
        except DrainerError as error:
            return write_refusal(error)

    # --- what is asked ---

    def _said(self, request: Request, *, by: str) -> Json:
        match request.verb:
            case "status":
                return {"status": status_of(self._board.snapshot)}
            case "history":
                return {"history": self._history()}
            case verb if verb in FIELDS:
                return self._grant(request, by=by)
            case verb:
                known = ", ".join(("status", "history", *FIELDS))
                raise bad(f"verb: expected one of {known}, got {verb[:60]!r}")

    def _history(self) -> Json:
        if self._state is None:
            raise Refused("no-journal", "this daemon keeps no journal on disk")
        return history_in(self._state)

    def _grant(self, request: Request, *, by: str) -> Json:
        before = self._board.snapshot
        wish = wish_of(request, before.tick, self._clock.now().wall)
        self._board.hand_in(wish, by=by)
        seen = self._next_after(before)
        return {"granted": request.verb, "by": by, "status": status_of(seen)}

    def _next_after(self, before: Snapshot) -> Snapshot:
        """The first snapshot that can know of the wish; the old one where the daemon is slow."""
        deadline = monotonic() + self._seen_within.total_seconds()
        pause = threading.Event()
        while self._board.snapshot is before and monotonic() < deadline:
            pause.wait(LOOK_EVERY_S)
        return self._board.snapshot


def _answered(path: Path) -> bool:
    """Whether somebody listens there. A file that is no socket is never replaced: OSError."""
    if not path.is_socket():
        if path.exists():
            raise FileExistsError(f"{path} is there and is no socket")
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as trial:
        trial.settimeout(1.0)
        try:
            trial.connect(str(path))
        except ConnectionRefusedError:
            return False
        except TimeoutError:
            return True
    return True


def _bound(path: Path, gid: int | None) -> socket.socket:
    """A listening socket that appears at `path` at once, with its owner and mode."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(str(fresh))
        os.chmod(fresh, 0o600)
        if gid is not None:
            os.chown(fresh, -1, gid)
            os.chmod(fresh, 0o660)  # the group that was asked for, and nobody else  # nosec B103
        listener.listen(CONNECTIONS)
        listener.setblocking(False)
        os.replace(fresh, path)
    except OSError:
        listener.close()
        fresh.unlink(missing_ok=True)
        raise
    return listener
