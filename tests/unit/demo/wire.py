"""Bare HTTP over loopback: a client that shows what a connection does, and servers that misbehave."""

import asyncio
import contextlib
import json
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

DEADLINE_S = 60.0


async def eventually(condition: Callable[[], bool], what: str) -> None:
    """Wait until the condition holds."""
    try:
        async with asyncio.timeout(DEADLINE_S):
            while not condition():
                await asyncio.sleep(0.002)
    except TimeoutError:
        raise AssertionError(f"not within {DEADLINE_S} s: {what}") from None


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def said(self) -> dict[str, str]:
        said = json.loads(self.body)
        assert isinstance(said, dict)
        return said


@dataclass
class Client:
    """One connection; a request at a time."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def ask(self, head: str, *headers: str, body: bytes = b"") -> Reply:
        length = [f"Content-Length: {len(body)}"] if body else []
        lines = [f"{head} HTTP/1.1", "Host: demo", *headers, *length, "", ""]
        self.writer.write("\r\n".join(lines).encode() + body)
        return await self.reply()

    async def reply(self) -> Reply:
        async with asyncio.timeout(DEADLINE_S):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
            body = await self.reader.readexactly(int(headers["content-length"]))
        return Reply(status=int(head[0].split()[1]), headers=headers, body=body)

    async def ended(self) -> bool:
        """The server has closed, and said nothing more."""
        async with asyncio.timeout(DEADLINE_S):
            return await self.reader.read() == b""


@contextlib.asynccontextmanager
async def connected(address: tuple[str, int]) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_connection(*address)
    try:
        yield Client(reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


@dataclass
class Asked:
    """One request as a scripted server got it."""

    connection: int
    peer: str
    id: str
    body: bytes


Script = Callable[["Scripted", Asked, socket.socket], Awaitable[None]]


@dataclass
class Scripted:
    """A server that does with each whole request what its script says, and keeps the connection open."""

    script: Script
    connections: int = 0
    asked: list[Asked] = field(default_factory=list)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[tuple[str, int]]:
        with socket.create_server(("127.0.0.1", 0), backlog=256) as listener:
            listener.setblocking(False)
            accepting = asyncio.create_task(self._accept(listener))
            try:
                yield listener.getsockname()
            finally:
                tasks = [accepting, *self._tasks]
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _accept(self, listener: socket.socket) -> None:
        while True:
            connection, _ = await asyncio.get_running_loop().sock_accept(listener)
            self.connections += 1
            self._tasks.add(asyncio.create_task(self._converse(connection, self.connections)))

    async def _converse(self, connection: socket.socket, number: int) -> None:
        with connection, contextlib.suppress(OSError):
            connection.setblocking(False)
            buffer = b""
            while chunk := await asyncio.get_running_loop().sock_recv(connection, 65536):
                buffer += chunk
                head, end, body = buffer.partition(b"\r\n\r\n")
                headers = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
                if not end or len(body) < int(headers.get(b"content-length", 0)):
                    continue
                buffer = b""
                peer = connection.getpeername()[0]
                asked = Asked(number, peer, headers[b"x-request-id"].decode(), body)
                self.asked.append(asked)
                await self.script(self, asked, connection)
                if connection.fileno() < 0:
                    return


def right(asked: Asked, *, vm: str = "vm1", says: str = "") -> bytes:
    """The answer that the toy application would give."""
    return json.dumps({"vm": vm, "request": asked.id, "says": says}).encode()


async def reply(
    connection: socket.socket,
    body: bytes,
    *,
    status: int = 200,
    header: str = "X-Nothing: here",
    length: int = -1,
) -> None:
    size = len(body) if length < 0 else length
    head = f"HTTP/1.1 {status} Whatever\r\nContent-Length: {size}\r\n{header}\r\n\r\n"
    await asyncio.get_running_loop().sock_sendall(connection, head.encode() + body)


def send_reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
