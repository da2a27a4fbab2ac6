"""How a connection misbehaves: bodies without measure, silence, and ends in the middle.

What the metadata service and the management API share of it, over plain connections and TLS alike.
"""

import asyncio
import socket
import struct
from collections.abc import Sequence

from starlette.types import Receive, Scope, Send

from metadata_server.clock import pause

OVERSIZED = 64 << 20
"""The length of an oversized body: more than any answer of the platform, and no harm to whoever reads it."""

HTML = b"<!DOCTYPE html>\n<html><head><title>Error</title></head><body><h1>Error</h1></body></html>\n"

Headers = Sequence[tuple[str, str]]

_PIECE = b" " * 65536
_AT_ONCE = struct.pack("ii", 1, 0)


def start(status: int, headers: Headers) -> dict[str, object]:
    """The message that begins an answer."""
    encoded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    return {"type": "http.response.start", "status": status, "headers": encoded}


async def silent(receive: Receive) -> None:
    """No answer ever; over when the client gives up."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def reset(scope: Scope, receive: Receive) -> None:
    """The connection is reset, not closed, whatever was sent before."""
    transport = scope["state"]["transport"]
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
    transport.abort()
    await silent(receive)


async def close(scope: Scope, receive: Receive) -> None:
    """An orderly end, in the middle of whatever was promised."""
    scope["state"]["transport"].close()
    await silent(receive)


def half_head(scope: Scope) -> None:
    """The beginning of an answer that ends inside its headers."""
    scope["state"]["transport"].write(b"HTTP/1.1 200 OK\r\nContent-Type: applic")


async def half_body(status: int, headers: Headers, body: bytes, *, send: Send) -> None:
    """The head, and half of the body that it promises."""
    await send(start(status, headers))
    await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})


async def oversized(*, receive: Receive, send: Send) -> None:
    """A body of `OVERSIZED` bytes, announced as such."""
    await send(start(200, [("Content-Type", "application/json"), ("Content-Length", str(OVERSIZED))]))
    await _pour(OVERSIZED, receive=receive, send=send)


async def endless(*, receive: Receive, send: Send) -> None:
    """A body that does not end until the client does; its length is not announced."""
    await send(start(200, [("Content-Type", "application/json")]))
    await _pour(None, receive=receive, send=send)


async def _pour(length: int | None, *, receive: Receive, send: Send) -> None:
    gone = asyncio.ensure_future(silent(receive))
    left = length
    try:
        while not gone.done() and left != 0:
            left = None if left is None else left - len(_PIECE)
            await send({"type": "http.response.body", "body": _PIECE, "more_body": left != 0})
            await pause(0)
    finally:
        gone.cancel()
