"""Approvals in memory: where siblings of one process tell each other that they are drained."""

from __future__ import annotations

from collections import defaultdict

Board = defaultdict[str, set[str]]
"""Event id → names of the VMs that published it."""


class MemoryApprovals:
    """One VM's way to the board."""

    def __init__(self, vm: str, board: Board | None = None) -> None:
        self._vm = vm
        self.board: Board = defaultdict(set) if board is None else board

    def publish(self, event_id: str) -> None:
        self.board[event_id].add(self._vm)

    def published(self, event_id: str) -> frozenset[str]:
        return frozenset(self.board.get(event_id, ()))
