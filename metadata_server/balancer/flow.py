"""One TCP flow: a client's connection, the member's connection, and the bytes between them.

It knows nothing of members' health or of the pool. A half-close, a reset and a full buffer on one side
become the same on the other, and at most one transport buffer per direction is held.

A flow of a *silent* host swallows what the client sends and answers nothing. Once the host is back it has
forgotten the flow: it resets it as soon as the client sends again, or at once where the client has
something unacknowledged that its kernel keeps sending. A flow that is *swallowed* is one that the balancer
itself has forgotten: nothing passes and nobody answers, for good.
"""

import asyncio
import socket
import struct
from collections.abc import Callable
from enum import Enum, auto
from typing import cast

from metadata_server.balancer.behaviour import Established

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # struct linger: on, zero seconds


class Phase(Enum):
    CONNECTING = auto()
    OPEN = auto()
    SILENT = auto()
    DEAD = auto()
    SWALLOWED = auto()
    OVER = auto()


def reset(transport: asyncio.Transport) -> None:
    """Close with RST, dropping whatever is buffered."""
    if not transport.is_closing():
        connection = cast(socket.socket, transport.get_extra_info("socket"))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    transport.abort()


class Side(asyncio.Protocol):
    """One of a flow's two connections: tells the flow what happens on it."""

    def __init__(self, flow: "Flow") -> None:
        self.flow = flow
        self.transport: asyncio.Transport | None = None
        self.finished = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.flow.joined(self)

    def data_received(self, chunk: bytes) -> None:
        self.flow.received(self, chunk)

    def eof_received(self) -> bool:
        self.finished = True
        self.flow.half_closed(self)
        return True  # the flow decides when to close

    def connection_lost(self, error: Exception | None) -> None:
        self.transport = None
        self.flow.lost(self)

    def pause_writing(self) -> None:
        self.flow.congested(self)

    def resume_writing(self) -> None:
        self.flow.flowing(self)

    def write(self, chunk: bytes) -> None:
        if self.transport is not None:
            self.transport.write(chunk)

    def reset(self) -> None:
        if self.transport is not None:
            reset(self.transport)

    def read_on(self) -> None:
        if self.transport is not None:
            self.transport.resume_reading()

    def read_no_more(self) -> None:
        if self.transport is not None:
            self.transport.pause_reading()


class Flow:
    """`opened` is told when the client was accepted and picks the member; `over` is told once, when both
    connections are gone. Once swallowed and closed by its client it is over after `orphaned_s`."""

    def __init__(
        self, *, opened: "Callable[[Flow], None]", over: "Callable[[Flow], None]", orphaned_s: float
    ) -> None:
        self.client = Side(self)
        self.member = Side(self)
        self.phase = Phase.CONNECTING
        self._opened = opened
        self._over = over
        self._orphaned_s = orphaned_s
        self._unacknowledged = True  # the SYN
        self._told = False
        self._early: list[bytes] = []
        self.active_at = asyncio.get_running_loop().time()

    def client_address(self) -> tuple[str, int] | None:
        """The client's address and port; None where it has already gone."""
        peer = None if self.client.transport is None else self.client.transport.get_extra_info("peername")
        return None if peer is None else (peer[0], peer[1])

    def joined(self, side: Side) -> None:
        if side is self.client:
            self.client.read_no_more()
            self._opened(self)
            return
        match self.phase:
            case Phase.CONNECTING:
                self.phase = Phase.OPEN
                self._unacknowledged = False
                self._pass_on_what_came_early()
            case _:
                pass  # nothing passes; `connected` ends what nobody wants any more

    def connected(self) -> None:
        """The event loop has handed the member's connection over, and not before may it be reset: uvloop
        leaves a socket object behind otherwise, with a descriptor that is somebody else's by then."""
        if self.phase in (Phase.OVER, Phase.DEAD):
            self.member.reset()

    def unreachable(self) -> None:
        """The member's connection did not come about: the client sees it refused."""
        if self.phase is Phase.CONNECTING:
            self.reset()

    def received(self, side: Side, chunk: bytes) -> None:
        self.active_at = asyncio.get_running_loop().time()
        match self.phase:
            case Phase.CONNECTING:
                self._early.append(chunk)
                side.read_no_more()  # again: uvloop starts to read after connection_made, whatever it did
            case Phase.OPEN:
                self._across(side).write(chunk)
            case _:
                self._unheard(side)

    def half_closed(self, side: Side) -> None:
        match self.phase:
            case Phase.CONNECTING:
                pass  # passed on once the member is there
            case Phase.OPEN:
                self._pass_on_the_end(side)
            case _:
                self._unheard(side)

    def _pass_on_what_came_early(self) -> None:
        for chunk in self._early:
            self.member.write(chunk)
        self._early.clear()
        if self.client.finished:
            self._pass_on_the_end(self.client)
        else:
            self.client.read_on()

    def _pass_on_the_end(self, side: Side) -> None:
        across = self._across(side)
        if across.finished:
            self._close()
            return
        try:
            if across.transport is not None:
                across.transport.write_eof()
        except OSError:  # already reset by its peer, and not yet noticed
            self.reset()

    def lost(self, side: Side) -> None:
        members_end_unheard = side is self.member and self.phase is not Phase.OPEN
        if self.phase is not Phase.OVER and not members_end_unheard:
            self.reset()
        if not self._told and self.client.transport is None and self.member.transport is None:
            self._told = True
            self._over(self)

    def congested(self, side: Side) -> None:
        if self.phase is Phase.OPEN:
            self._across(side).read_no_more()

    def flowing(self, side: Side) -> None:
        if self.phase is Phase.OPEN:
            self._across(side).read_on()

    def reset(self) -> None:
        """Reset both connections."""
        self.phase = Phase.OVER
        self.client.reset()
        self.member.reset()

    def silence(self) -> None:
        """The member's host vanished: from now on nothing passes and nothing is closed."""
        if self.phase in (Phase.CONNECTING, Phase.OPEN):
            self._hush(Phase.SILENT)

    def swallow(self) -> None:
        """The balancer forgets the flow: from now on nothing passes and nothing is closed, for good."""
        if self.phase not in (Phase.OVER, Phase.SWALLOWED):
            self._hush(Phase.SWALLOWED)
            if self.client.finished:
                self._give_up_later()

    def forget(self) -> None:
        """The member's host is back and does not know this flow."""
        if self.phase is not Phase.SILENT:
            return
        self.phase = Phase.DEAD
        self.member.reset()
        if self._unacknowledged:
            self.reset()

    def end(self, how: Established) -> None:
        """What the platform does to an established flow."""
        match how:
            case Established.KEEP:
                pass
            case Established.RESET:
                self.reset()
            case Established.SILENCE:
                self.swallow()

    def _hush(self, phase: Phase) -> None:
        self.phase = phase
        self._early.clear()
        self.client.read_on()
        self.member.read_on()

    def _across(self, side: Side) -> Side:
        return self.member if side is self.client else self.client

    def _unheard(self, side: Side) -> None:
        if side is not self.client:
            return
        self._unacknowledged = True
        if self.phase is Phase.DEAD:
            self.reset()
        elif self.phase is Phase.SWALLOWED and side.finished:
            self._give_up_later()

    def _give_up_later(self) -> None:
        """The client closed and nobody will ever answer: forget it when its kernel has."""
        asyncio.get_running_loop().call_later(self._orphaned_s, self.reset)

    def _close(self) -> None:
        self.phase = Phase.OVER
        for side in (self.client, self.member):
            if side.transport is not None:
                side.transport.close()
