"""Answers on the wire, whole and broken: what a client meets on a bad day.

A replaced answer (status, html) means that the service never saw the request; an emptied or cut one
means that it did, and that the client cannot know.
"""

import socket
import struct
from collections.abc import Mapping

from starlette.types import Receive, Scope, Send

from metadata_server.faults import Fault, FaultKind
from metadata_server.imds.exchange import Answer, refusal

_HTML = b"<!DOCTYPE html>\n<html><head><title>Error</title></head><body><h1>Error</h1></body></html>\n"
_AT_ONCE = struct.pack("ii", 1, 0)


def distorted(faults: Mapping[FaultKind, Fault]) -> Answer | None:
    """The answer that takes the place of the real one; None if no fault does that."""
    if FaultKind.HTML in faults:
        return Answer(status=faults[FaultKind.HTML].status, body=_HTML, content_type="text/html")
    if FaultKind.STATUS in faults:
        return refusal(faults[FaultKind.STATUS].status, "Internal error")
    return None


async def send(answer: Answer, *, date: str, send_message: Send) -> None:
    """The whole answer."""
    await send_message(_start(answer, date))
    await send_message({"type": "http.response.body", "body": answer.body})


async def send_half(answer: Answer, *, date: str, scope: Scope, receive: Receive, send_message: Send) -> None:
    """The head, half of the body it promises, and the end of the connection."""
    await send_message(_start(answer, date))
    half = answer.body[: len(answer.body) // 2]
    await send_message({"type": "http.response.body", "body": half, "more_body": True})
    scope["state"]["transport"].close()
    await _gone(receive)


async def reset(scope: Scope, receive: Receive) -> None:
    """No answer: the connection is reset, not closed."""
    transport = scope["state"]["transport"]
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
    transport.abort()
    await _gone(receive)


async def _gone(receive: Receive) -> None:
    await receive()  # the request is read already: what comes next is its end


def _start(answer: Answer, date: str) -> dict[str, object]:
    headers = [("Content-Length", str(len(answer.body))), ("Date", date), *answer.headers]
    if answer.body:
        headers.insert(0, ("Content-Type", answer.content_type))
    if answer.status == 304:
        headers = [("Date", date), *answer.headers]
    encoded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    return {"type": "http.response.start", "status": answer.status, "headers": encoded}
