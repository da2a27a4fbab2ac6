"""The toy web application of one VM: what users are served, and what a drain asks of any application.

`/ready` is what the balancer probes: it reads the marker. `/healthz` is the deep check: it does not, or the
VM could never be found healthy while it is out. While the marker exists every answer carries
`Connection: close`, so that clients on kept connections leave after the answer they were waiting for. A
connection that stays idle through a grace is closed as well. A request that crosses that close would be lost,
so every answer says for how long its connection may be used again (`Keep-Alive: timeout=`, RFC 2068 section
19.7.1.1), and the grace is longer.
"""

import argparse
import asyncio
import contextlib
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import h11

LARGEST_BODY = 1 << 20
LONGEST_S = 60.0
LINGER_S = 2.0
LOOK_S = 0.1
CROSSING_S = 2.0
"""So much sooner than the close a client stops using a connection: the longest way of a request to us."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A status and what the body says beside the VM and the request."""

    status: int
    says: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    method: str
    target: str
    id: str
    body: bytes


class TooLarge(Exception):
    """The request's body is past what is accepted; the connection ends."""


class Application:
    """One VM's web server. `warm_up_s` counts from `start`; until then only the probed routes speak of it."""

    def __init__(self, *, name: str, marker: Path, warm_up_s: float, idle_grace_s: float) -> None:
        self._name = name
        self._marker = marker
        self._warm_up_s = warm_up_s
        self._idle_grace_s = idle_grace_s
        self._warm_at = 0.0
        self._idle_since: dict[asyncio.StreamWriter, float] = {}

    async def start(self, host: str, port: int) -> asyncio.Server:
        """Listen; OSError where the address cannot be had."""
        self._warm_at = asyncio.get_running_loop().time() + self._warm_up_s
        return await asyncio.start_server(self._converse, host, port, backlog=1024)

    async def send_idle_clients_away(self) -> None:
        """Close what has been idle for a grace since the marker appeared. Runs until cancelled."""
        loop = asyncio.get_running_loop()
        marked_at: float | None = None
        while True:
            await asyncio.sleep(LOOK_S)
            if not self._marker.exists():
                marked_at = None
                continue
            marked_at = marked_at or loop.time()
            for writer, since in self._idle_since.items():
                if loop.time() - max(since, marked_at) >= self._idle_grace_s:
                    writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = h11.Connection(h11.SERVER)
        with contextlib.suppress(OSError):  # the client has gone, or takes too long to go
            while connection.our_state is h11.IDLE:
                await self._exchange(connection, reader, writer)
            await _part(reader, writer)
        writer.close()

    async def _exchange(
        self, connection: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._idle_since[writer] = asyncio.get_running_loop().time()
        try:
            request = await self._next_request(connection, reader, writer)
            if request is None:
                connection.send(h11.ConnectionClosed())
                return
            answer = await self._answer(request)
        except (h11.RemoteProtocolError, TooLarge) as error:
            request = Request(method="", target="", id="", body=b"")
            answer = Answer(status=413 if isinstance(error, TooLarge) else 400, says=str(error))
        finally:
            self._idle_since.pop(writer, None)
        writer.write(self._message(connection, request, answer))
        await writer.drain()
        if connection.our_state is h11.DONE and connection.their_state is h11.DONE:
            connection.start_next_cycle()

    async def _next_request(
        self, connection: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> Request | None:
        """The next whole request; None where the client has gone."""
        head: h11.Request | None = None
        body = bytearray()
        while True:
            match connection.next_event():
                case h11.Request() as head:
                    pass
                case h11.Data(data=chunk):
                    body += chunk
                    if len(body) > LARGEST_BODY:
                        raise TooLarge(f"more than {LARGEST_BODY} bytes")
                case h11.EndOfMessage() if head is not None:
                    return _request(head, bytes(body))
                case h11.ConnectionClosed():
                    return None
                case _:
                    connection.receive_data(await reader.read(65536))
                    self._idle_since.pop(writer, None)

    async def _answer(self, request: Request) -> Answer:
        url = urlsplit(request.target)
        warm = asyncio.get_running_loop().time() >= self._warm_at
        match request.method, url.path:
            case "GET", "/ready" if self._marker.exists():
                return Answer(status=503, says="draining")
            case _ if not warm:
                return Answer(status=503, says="warming up")
            case "GET", "/" | "/ready" | "/healthz":
                return Answer(status=200)
            case "GET", "/slow":
                return await _slowly(parse_qs(url.query).get("s", ["1"])[-1])
            case "POST", "/":
                return Answer(status=200, says=hashlib.sha256(request.body).hexdigest())
            case _:
                return Answer(status=404, says=f"no {request.method} {url.path}")

    def _message(self, connection: h11.Connection, request: Request, answer: Answer) -> bytes:
        """The whole answer in one piece, so that it never waits for a delayed acknowledgement."""
        said = {"vm": self._name, "request": request.id, "says": answer.says}
        body = json.dumps(said).encode() + b"\n"
        headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        if self._marker.exists():
            headers.append(("Connection", "close"))
        elif self._idle_grace_s > CROSSING_S:
            headers.append(("Keep-Alive", f"timeout={self._idle_grace_s - CROSSING_S:.0f}"))
        response = h11.Response(status_code=answer.status, headers=headers, reason=b"")
        events = (response, h11.Data(data=body), h11.EndOfMessage())
        return b"".join(connection.send(event) or b"" for event in events)


def _request(head: h11.Request, body: bytes) -> Request:
    ids = [value for name, value in head.headers if name == b"x-request-id"]
    return Request(
        method=head.method.decode("ascii"),
        target=head.target.decode("ascii"),
        id=ids[0].decode("latin-1") if ids else "",
        body=body,
    )


async def _slowly(seconds: str) -> Answer:
    try:
        length = float(seconds)
    except ValueError:
        length = -1.0
    if not 0 <= length <= LONGEST_S:
        return Answer(status=400, says=f"s: expected 0 to {LONGEST_S:g}, got {seconds!r}")
    await asyncio.sleep(length)
    return Answer(status=200)


async def _part(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """End our side and let the client end its own: a plain close would reset an answer still on its way."""
    if writer.is_closing():
        return
    writer.write_eof()
    async with asyncio.timeout(LINGER_S):
        while await reader.read(65536):
            pass


async def _run(options: argparse.Namespace) -> None:
    host, _, port = options.listen.rpartition(":")
    application = Application(
        name=options.name, marker=options.marker, warm_up_s=options.warm_up, idle_grace_s=options.idle_grace
    )
    server = await application.start(host.strip("[]"), int(port))
    address = server.sockets[0].getsockname()
    print(f"{options.name} listening on {address[0]}:{address[1]}", flush=True)
    async with server:
        await application.send_idle_clients_away()


def main() -> None:
    """Serve until killed, as a VM's application does."""
    parser = argparse.ArgumentParser(prog="drainer.demo.application", description=main.__doc__)
    parser.add_argument("--listen", required=True, metavar="ADDR:PORT")
    parser.add_argument("--name", required=True, help="the VM's name, told in every answer")
    parser.add_argument("--marker", required=True, type=Path, help="the file whose presence means: draining")
    parser.add_argument("--warm-up", type=float, default=0.0, metavar="SECONDS")
    parser.add_argument("--idle-grace", type=float, default=5.0, metavar="SECONDS")
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_run(parser.parse_args()))


if __name__ == "__main__":
    main()
