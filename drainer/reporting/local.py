"""The local endpoint: /metrics, /healthz and /status, for whoever watches this VM from inside. GET only."""

from __future__ import annotations

from drainer.board import Board
from drainer.settings import Address


class LocalEndpoint:
    def __init__(self, board: Board, address: Address) -> None:
        self._board = board
        self._address = address

    def start(self) -> None:
        """Listen, and return. Raises OSError: the address cannot be had."""

    def stop(self) -> None:
        """Stop listening."""
