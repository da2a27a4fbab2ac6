"""Real members and clients on loopback, with sockets bare enough to half-close, reset and refuse to read."""

import asyncio
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass, field

from metadata_server.balancer import Balancer, Member

DEADLINE_S = 60.0
INTERVAL_S = 0.02


async def eventually(condition: Callable[[], bool], what: str) -> None:
    """Wait until the condition holds."""
    try:
        async with asyncio.timeout(DEADLINE_S):
            while not condition():
                await asyncio.sleep(0.002)
    except TimeoutError:
        raise AssertionError(f"not within {DEADLINE_S} s: {what}") from None


async def received(connection: socket.socket, size: int = 65536) -> bytes:
    """The next bytes; empty at end of file. Raises ConnectionResetError on a reset."""
    async with asyncio.timeout(DEADLINE_S):
        return await asyncio.get_running_loop().sock_recv(connection, size)


async def sent(connection: socket.socket, chunk: bytes) -> None:
    async with asyncio.timeout(DEADLINE_S):
        await asyncio.get_running_loop().sock_sendall(connection, chunk)


async def was_reset(connection: socket.socket) -> bool:
    """Whether the connection ends in a reset; bytes before that are skipped."""
    try:
        while await received(connection):
            pass
    except ConnectionResetError:
        return True
    return False


def is_quiet(connection: socket.socket) -> bool:
    """Neither bytes nor an end nor a reset has arrived."""
    try:
        connection.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return True
    except ConnectionResetError:
        return False
    return False


async def sent_until_refused(connection: socket.socket) -> None:
    """Send on until the other end's reset is felt."""
    while True:
        await sent(connection, b"more")
        await asyncio.sleep(0)


def send_reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


@dataclass
class Host:
    """One member's host: a service whose connections a test takes by hand, and a probed route."""

    member: Member
    probe_port: int
    status: int = 200
    probes: int = 0
    probed_from: str = ""
    connections: list[socket.socket] = field(default_factory=list)
    _arrivals: asyncio.Queue[socket.socket] = field(default_factory=asyncio.Queue)
    _listener: socket.socket | None = None
    _accepting: asyncio.Task[None] | None = None
    _prober: asyncio.Server | None = None

    async def open(self) -> None:
        await self.serve()
        self._prober = await asyncio.start_server(self._answer, self.member.host, self.probe_port)

    async def serve(self) -> None:
        self._listener = socket.create_server((self.member.host, self.member.port), backlog=256)
        self._listener.setblocking(False)
        self._accepting = asyncio.create_task(self._accept(self._listener))

    async def refuse(self) -> None:
        """Close the service's port; the probed route stays."""
        assert self._accepting is not None
        assert self._listener is not None
        self._accepting.cancel()
        await asyncio.gather(self._accepting, return_exceptions=True)
        self._listener.close()

    async def choke(self) -> None:
        """Fill the service's backlog and accept nothing: further connects get no answer."""
        await self.refuse()
        self._listener = socket.create_server((self.member.host, self.member.port), backlog=0)
        self._listener.setblocking(False)
        for _ in range(3):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex((self.member.host, self.member.port))
            self.connections.append(filler)

    def recover(self) -> None:
        """Accept again after `choke`."""
        assert self._listener is not None
        self._accepting = asyncio.create_task(self._accept(self._listener))

    async def close(self) -> None:
        await self.refuse()
        assert self._prober is not None
        self._prober.close()
        for connection in self.connections:
            connection.close()

    async def arrival(self) -> socket.socket:
        async with asyncio.timeout(DEADLINE_S):
            return await self._arrivals.get()

    async def _accept(self, listener: socket.socket) -> None:
        while True:
            connection, _ = await asyncio.get_running_loop().sock_accept(listener)
            self.connections.append(connection)
            self._arrivals.put_nowait(connection)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not (await reader.readline()).endswith(b"\r\n"):  # the prober was stopped
            writer.close()
            return
        await reader.readuntil(b"\r\n\r\n")
        self.probes += 1
        self.probed_from = writer.get_extra_info("peername")[0]
        writer.write(f"HTTP/1.1 {self.status} Whatever\r\nContent-Length: 0\r\n\r\n".encode())
        writer.close()


@dataclass
class Cluster:
    """A started balancer with its members' hosts."""

    balancer: Balancer
    hosts: dict[str, Host]
    clients: list[socket.socket] = field(default_factory=list)

    async def client(self, source: str = "127.0.0.1") -> socket.socket:
        connection = socket.socket()
        self.clients.append(connection)
        connection.setblocking(False)
        connection.bind((source, 0))
        async with asyncio.timeout(DEADLINE_S):
            await asyncio.get_running_loop().sock_connect(connection, self.balancer.address)
        return connection

    async def flow(self, source: str = "127.0.0.1") -> tuple[socket.socket, socket.socket, str]:
        """A client's connection, the member's end of it, and the member's name; a byte has passed."""
        before = {name: len(host.connections) for name, host in self.hosts.items()}
        client = await self.client(source)
        await eventually(lambda: self._arrived(before) is not None, "a member got the flow")
        name = self._arrived(before)
        assert name is not None
        member = await self.hosts[name].arrival()
        await sent(client, b"!")
        assert await received(member) == b"!"
        return client, member, name

    def hang_up(self) -> None:
        for client in self.clients:
            client.close()

    def _arrived(self, before: dict[str, int]) -> str | None:
        return next((name for name, host in self.hosts.items() if len(host.connections) > before[name]), None)

    async def until(self, name: str, *, up: bool) -> None:
        await eventually(lambda: self.seen(name)["up"] is up, f"{name} is {'up' if up else 'down'}")

    def seen(self, name: str) -> dict[str, object]:
        members = self.balancer.status()["members"]
        assert isinstance(members, dict)
        seen = members[name]
        assert isinstance(seen, dict)
        return seen
