"""One member as the balancer sees it: its health, its flows, and whether its host has fallen silent."""

import asyncio
import contextlib
import socket
import sys

from metadata_server.balancer.behaviour import Established
from metadata_server.balancer.config import Member, Probe, Protocol
from metadata_server.balancer.flow import Flow, Phase
from metadata_server.balancer.health import Health
from metadata_server.balancer.probing import TIMEOUT, Answer, ask
from metadata_server.effects import Admin

IP_BIND_ADDRESS_NO_PORT = 24  # linux/in.h; not in the socket module of Python 3.11


class Backend:
    """Mutable, owned by one balancer."""

    def __init__(self, member: Member) -> None:
        self.member = member
        self.in_pool = True
        self.admin = Admin.NONE
        self.silent = False
        self.health = Health()
        self.last_answer: Answer | None = None
        self.flows: set[Flow] = set()
        self.new_flows = 0

    @property
    def takes_new_flows(self) -> bool:
        if not self.in_pool or self.admin is Admin.DOWN:
            return False
        return self.admin is Admin.UP or self.health.up is True

    def status(self) -> dict[str, object]:
        return {
            "address": f"{self.member.host}:{self.member.port}",
            "in_pool": self.in_pool,
            "admin": self.admin.value,
            "up": self.health.up is True,
            "silent": self.silent,
            "new_flows": self.new_flows,
            "open_flows": len(self.flows),
            "swallowed_flows": sum(flow.phase is Phase.SWALLOWED for flow in self.flows),
            "last_probe": None if self.last_answer is None else self.last_answer.text,
        }

    def join(self) -> None:
        """Become a member again: down until a probe is answered."""
        self.in_pool = True
        self.health = Health()
        self.last_answer = None

    def end_flows(self, how: Established) -> None:
        """What the platform does to the flows that are there."""
        for flow in tuple(self.flows):
            flow.end(how)

    def note(self, answer: Answer, probe: Probe) -> None:
        rise = 1 if probe.protocol is Protocol.TCP else probe.threshold
        self.health = self.health.after(answered=answer.healthy, rise=rise, fall=probe.threshold)
        self.last_answer = answer

    async def probe_for_ever(self, probe: Probe) -> None:
        """Ask at every interval, on a fixed schedule that skips the instants an answer came too late for."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            self.note(await self._asked(probe), probe)
            due = max(due + probe.interval_s, loop.time())
            await asyncio.sleep(due - loop.time())

    async def connect(self, flow: Flow, source: str | None) -> None:
        """Open the member's side of a flow. A failure is the client's: no other member is tried."""
        loop = asyncio.get_running_loop()
        try:
            connection = await self._connected(source)
            await loop.create_connection(lambda: flow.member, sock=connection)
            flow.connected()
        except OSError:
            flow.unreachable()

    async def _connected(self, source: str | None) -> socket.socket:
        loop = asyncio.get_running_loop()
        family = socket.AF_INET6 if ":" in self.member.host else socket.AF_INET
        with contextlib.ExitStack() as unless_connected:
            connection = unless_connected.enter_context(socket.socket(family, socket.SOCK_STREAM))
            connection.setblocking(False)
            if source is not None:
                _bind(connection, source)
            await loop.sock_connect(connection, (self.member.host, self.member.port))
            unless_connected.pop_all()
        return connection

    async def _asked(self, probe: Probe) -> Answer:
        if self.silent:
            await asyncio.sleep(probe.patience_s)
            return TIMEOUT
        answer = await ask(self.member, probe)
        return TIMEOUT if self.silent else answer


def _bind(connection: socket.socket, source: str) -> None:
    if sys.platform == "linux":  # a port is picked at connect, so that each member has all ports
        connection.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
    connection.bind((source, 0))
