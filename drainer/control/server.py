"""The listening end of the control socket: accept, know the peer, answer one line, hang up.

A thread beside the daemon. It decides nothing and never raises into it.
"""

from __future__ import annotations

from pathlib import Path

from drainer.board import Board


class ControlServer:
    """`group` "": only root and the daemon's own user may speak to it."""

    def __init__(self, board: Board, path: Path, group: str = "", *, state: Path | None = None) -> None:
        self._board = board
        self._path = path
        self._group = group
        self._state = state

    def start(self) -> None:
        """Listen, and return. Raises OSError or DrainerError: it cannot be had here."""

    def stop(self) -> None:
        """Stop listening, and take the socket away."""
