"""Live traffic as users make it: an open loop that sends on schedule, whatever became of earlier requests.

Nothing is ever tried again: a request without a complete, right 2xx in time has failed. A client with kept
connections does what HTTP clients do: it leaves a connection that the server announced to close, one that was
idle for longer than the server said it keeps them, and one that it finds closed *before* the first byte was
sent. Once a byte was sent, what happens counts.

Every client has a source address of its own, so that a balancer's affinity can be seen. All instants are
seconds of the event loop's clock, which on Linux is `time.monotonic`, the same in all processes.
"""

import asyncio
import contextlib
import hashlib
import json
import math
import re
import socket
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import h11

from drainer.demo.plan import Arrival, Kind, Plan, Result, Why, arrivals

IP_BIND_ADDRESS_NO_PORT = 24  # linux/in.h; not in the socket module of Python 3.11


class Failed(Exception):
    """One request has failed, and why. Caught where the result is made; nobody tries again."""

    def __init__(self, why: Why, detail: str, vm: str = "") -> None:
        super().__init__(detail)
        self.why = why
        self.detail = detail
        self.vm = vm


@dataclass(slots=True)
class Connection:
    """One connection of one client."""

    socket: socket.socket
    http: h11.Connection = field(default_factory=lambda: h11.Connection(h11.CLIENT))
    kept_until: float = math.inf

    @property
    def usable(self) -> bool:
        """The server keeps it still, and nothing has arrived: neither an end nor a reset nor stray bytes."""
        if asyncio.get_running_loop().time() >= self.kept_until:
            return False
        try:
            self.socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False


async def run(
    plan: Plan, observe: Callable[[Result], None], *, stop: asyncio.Event | None = None
) -> tuple[Result, ...]:
    """Send the plan until its end or until `stop`, and wait for every answer. Results as they ended."""
    clients = _Clients(plan)
    results: list[Result] = []
    ended = stop or asyncio.Event()
    began = asyncio.get_running_loop().time()

    async def one(arrival: Arrival) -> None:
        result = await clients.send(arrival, began + arrival.after_s)
        results.append(result)
        observe(result)

    try:
        async with asyncio.TaskGroup() as requests:
            for arrival in arrivals(plan):
                if await _stopped_before(began + arrival.after_s, ended):
                    break
                requests.create_task(one(arrival))
    finally:
        clients.close()
    return tuple(results)


async def _stopped_before(due: float, ended: asyncio.Event) -> bool:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout_at(due):
            await ended.wait()
    return ended.is_set()


class _Clients:
    """The clients with their kept connections."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._kept: defaultdict[str, list[Connection]] = defaultdict(list)

    def close(self) -> None:
        for connections in self._kept.values():
            for connection in connections:
                connection.socket.close()

    async def send(self, arrival: Arrival, scheduled_at: float) -> Result:
        loop = asyncio.get_running_loop()
        started_at = loop.time()
        kept = None if arrival.kind is Kind.FRESH else self._take(arrival.client)
        vm, why, detail = "", None, ""
        try:
            async with asyncio.timeout_at(started_at + self._plan.timeout_s):
                vm = await self._ask(arrival, kept)
        except Failed as failed:
            vm, why, detail = failed.vm, failed.why, failed.detail
        except (OSError, h11.RemoteProtocolError) as error:  # TimeoutError is an OSError
            why = _reason(error)
            detail = str(error) if why in (Why.LOCAL, Why.WRONG) else ""
        return Result(
            number=arrival.number,
            kind=arrival.kind,
            client=arrival.client,
            scheduled_at=scheduled_at,
            started_at=started_at,
            finished_at=loop.time(),
            vm=vm,
            opened=kept is None,
            why=why,
            detail=detail,
        )

    def _take(self, client: str) -> Connection | None:
        """A kept connection that is not known to be closed; None where there is none."""
        connections = self._kept[client]
        while connections:
            connection = connections.pop()
            if connection.usable:
                return connection
            connection.socket.close()
        return None

    async def _ask(self, arrival: Arrival, kept: Connection | None) -> str:
        """The VM that answered completely and rightly."""
        connection = kept or Connection(await _dial(self._plan, arrival.client))
        try:
            vm = await _exchange(connection, self._plan, arrival)
        except BaseException:
            connection.socket.close()
            raise
        if arrival.kind is not Kind.FRESH and connection.http.our_state is h11.DONE:
            connection.http.start_next_cycle()
            self._kept[arrival.client].append(connection)
        else:
            connection.socket.close()
        return vm


async def _dial(plan: Plan, source: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in plan.host else socket.AF_INET
    with contextlib.ExitStack() as unless_connected:
        opened = unless_connected.enter_context(socket.socket(family, socket.SOCK_STREAM))
        opened.setblocking(False)
        if sys.platform == "linux":  # a port is picked at connect, so that each server has all ports
            opened.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
        opened.bind((source, 0))
        await asyncio.get_running_loop().sock_connect(opened, (plan.host, plan.port))
        unless_connected.pop_all()
    return opened


async def _exchange(connection: Connection, plan: Plan, arrival: Arrival) -> str:
    body = f"{arrival.number} of {plan.seed}".encode() * 50 if arrival.kind is Kind.POST else b""
    await asyncio.get_running_loop().sock_sendall(
        connection.socket, _request(connection.http, plan, arrival, body)
    )
    status, answer = await _answer(connection)
    said = _said(answer)
    if not 200 <= status < 300:
        raise Failed(Why.STATUS, f"{status} {said['says']}".strip(), said["vm"])
    expected = {"request": _id(plan, arrival), "says": hashlib.sha256(body).hexdigest() if body else ""}
    if not said["vm"] or any(said[key] != value for key, value in expected.items()):
        raise Failed(Why.WRONG, "the answer is not this request's", said["vm"])
    return said["vm"]


def _id(plan: Plan, arrival: Arrival) -> str:
    return f"{plan.seed}-{arrival.number}"


def _request(http: h11.Connection, plan: Plan, arrival: Arrival, body: bytes) -> bytes:
    headers = [("Host", f"{plan.host}:{plan.port}"), ("X-Request-Id", _id(plan, arrival))]
    if body:
        headers.append(("Content-Length", str(len(body))))
    if arrival.kind is Kind.FRESH:
        headers.append(("Connection", "close"))
    target = f"/slow?s={plan.slow_s:g}" if arrival.kind is Kind.SLOW else "/"
    head = h11.Request(method="POST" if body else "GET", target=target, headers=headers)
    return b"".join(http.send(event) or b"" for event in (head, h11.Data(data=body), h11.EndOfMessage()))


async def _answer(connection: Connection) -> tuple[int, bytes]:
    """Status and body of the whole answer. Raises Failed where the connection ends before it does."""
    status, body = 0, bytearray()
    while True:
        match connection.http.next_event():
            case h11.Response(status_code=status, headers=headers):
                connection.kept_until = asyncio.get_running_loop().time() + _kept_s(headers)
            case h11.Data(data=chunk):
                body += chunk
            case h11.EndOfMessage():
                return status, bytes(body)
            case h11.NEED_DATA:
                received = await asyncio.get_running_loop().sock_recv(connection.socket, 65536)
                if not received:
                    raise Failed(Why.CLOSED, "inside the answer" if status else "before the answer")
                connection.http.receive_data(received)


def _kept_s(headers: Iterable[tuple[bytes, bytes]]) -> float:
    """For how many seconds the server keeps this connection; endlessly where it does not say."""
    said = b",".join(value for name, value in headers if name == b"keep-alive")
    found = re.search(rb"\btimeout=(\d{1,9})", said)
    return float(found[1]) if found else math.inf


def _said(answer: bytes) -> dict[str, str]:
    """What the toy application says about itself; empty strings for what it does not."""
    try:
        said = json.loads(answer)
    except ValueError:
        said = {}
    said = said if isinstance(said, dict) else {}
    return {key: str(said.get(key, "")) for key in ("vm", "request", "says")}


def _reason(error: Exception) -> Why:
    match error:
        case TimeoutError():
            return Why.TIMEOUT
        case ConnectionRefusedError():
            return Why.REFUSED
        case ConnectionError():
            return Why.RESET
        case OSError():
            return Why.LOCAL
        case _:
            return Why.WRONG
