"""Sockets and the HTTP server behind every listener: one loop, one thread, any number of addresses."""

import asyncio
import contextlib
import ipaddress
import logging
import socket
from collections.abc import Generator
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from metadata_server.clock import pause
from metadata_server.topology import Address

_BACKLOG = 1024
# Answers still under way when the server stops are given this long.
_LAST_WORDS_S = 1


def bind(address: Address) -> socket.socket:
    """A listening socket; OSError if the address cannot be had."""
    family = socket.AF_INET6 if ipaddress.ip_address(address.host).version == 6 else socket.AF_INET
    # asyncio turns Nagle's algorithm off only where the protocol is named; with it, an answer in two writes
    # waits for a delayed acknowledgement: 23 requests a second on one connection.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((address.host, address.port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise OSError(error.errno, f"{error.strerror}: {address}") from None
    listener.setblocking(False)
    return listener


def bound(listener: socket.socket) -> Address:
    """Where it really listens: port 0 has become a number."""
    host, port = listener.getsockname()[:2]
    return Address(host=host, port=port)


class ByAddress:
    """ASGI: the control plane on its own address, the metadata service on all others."""

    def __init__(
        self, *, metadata: ASGIApp, control: ASGIApp | None, control_address: Address | None
    ) -> None:
        self._metadata = metadata
        self._control = control
        self._control_address = control_address

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        host, port = scope["server"]
        if self._control is not None and self._is_control(Address(host=host, port=port)):
            await self._control(scope, receive, send)
            return
        await self._metadata(scope, receive, send)

    def _is_control(self, asked: Address) -> bool:
        control = self._control_address
        if control is None or control.port != asked.port:
            return False
        return control.host == asked.host or ipaddress.ip_address(control.host).is_unspecified


class _Connection(HttpToolsProtocol):
    """A connection that its application may end rudely."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.app_state = {**self.app_state, "transport": transport}
        self._encrypted = transport.get_extra_info("sslcontext") is not None
        super().connection_made(transport)  # type: ignore[arg-type]

    def shutdown(self) -> None:
        """The end: an idle connection over TLS is not asked to agree.

        One that is closing already is not closed again: asyncio's loses hold of itself by that.
        """
        if not self.transport.is_closing():
            super().shutdown()
        if self._encrypted and self.transport.is_closing():
            self.transport.abort()


class Server(uvicorn.Server):
    """uvicorn without its signals, its banner and its own idea of the date."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        until: asyncio.Event,
        certificate: Path | None = None,
        key: Path | None = None,
    ) -> None:
        """With a certificate and its key it speaks TLS."""
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
        config = uvicorn.Config(
            app,
            http=_Connection,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            timeout_graceful_shutdown=_LAST_WORDS_S,
            ssl_certfile=certificate,
            ssl_keyfile=key,
        )
        super().__init__(config)
        self._until = until

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave signals to the program."""
        yield

    async def main_loop(self) -> None:
        """Wait for the end instead of looking for it ten times a second."""
        await self._until.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End as uvicorn does, and leave no connection behind that is still waited upon."""
        await super().shutdown(sockets)
        for connection in tuple(self.server_state.connections):
            connection.transport.abort()
        await pause(0)
