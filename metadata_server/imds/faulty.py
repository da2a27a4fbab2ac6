"""Answers on the wire, whole and broken: what a client meets on a bad day.

A replaced answer (status, html, redirect …) means that the service never saw the request; an emptied, doubled
or cut one means that it did, and that the client cannot know.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from starlette.types import Receive, Scope, Send

from metadata_server import misbehaving
from metadata_server.faults import Fault, FaultKind
from metadata_server.imds.exchange import Answer, refusal

_BODILESS = (204, 304)

Faults = Mapping[FaultKind, Fault]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """One request's connection, with the date that its answer bears."""

    scope: Scope
    receive: Receive
    send: Send
    date: str


async def unanswered(faults: Faults, wire: Wire) -> bool:
    """Act out what leaves no answer at all, or one without measure; whether there was such a fault."""
    for kind in (FaultKind.SILENT, FaultKind.RESET, FaultKind.RESET_HEADERS):
        if kind not in faults:
            continue
        if kind is FaultKind.SILENT:
            await misbehaving.silent(wire.receive)
            return True
        if kind is FaultKind.RESET_HEADERS:
            misbehaving.half_head(wire.scope)
        await misbehaving.reset(wire.scope, wire.receive)
        return True
    if FaultKind.OVERSIZED in faults:
        await misbehaving.oversized(receive=wire.receive, send=wire.send)
        return True
    if FaultKind.ENDLESS in faults:
        await misbehaving.endless(receive=wire.receive, send=wire.send)
        return True
    return False


def distorted(faults: Faults) -> Answer | None:
    """The answer that takes the place of the real one; None if no fault does that."""
    if FaultKind.HTML in faults:
        return Answer(status=faults[FaultKind.HTML].status, body=misbehaving.HTML, content_type="text/html")
    if FaultKind.STATUS in faults:
        return refusal(faults[FaultKind.STATUS].status, "Internal error")
    if FaultKind.REDIRECT in faults:
        return Answer(status=307, headers=(("Location", faults[FaultKind.REDIRECT].location),))
    if FaultKind.NOT_MODIFIED in faults:
        return Answer(status=304)
    return None


async def answered(faults: Faults, answer: Callable[[], Answer], wire: Wire) -> None:
    """The answer, as the faults leave it."""
    told = distorted(faults) or answer()
    if FaultKind.EMPTY in faults:
        told = replace(told, body=b"", headers=())
    if FaultKind.TRUNCATED not in faults and FaultKind.RESET_BODY not in faults:
        await send(told, wire, times=2 if FaultKind.DUPLICATED in faults else 1)
        return
    await misbehaving.half_body(told.status, _headers(told, wire.date), told.body, send=wire.send)
    if FaultKind.RESET_BODY in faults:
        await misbehaving.reset(wire.scope, wire.receive)
        return
    await misbehaving.close(wire.scope, wire.receive)


async def send(answer: Answer, wire: Wire, *, times: int = 1) -> None:
    """The whole answer, each of its headers so many times."""
    await wire.send(misbehaving.start(answer.status, _headers(answer, wire.date) * times))
    body = b"" if answer.status in _BODILESS else answer.body
    await wire.send({"type": "http.response.body", "body": body})


def _headers(answer: Answer, date: str) -> list[tuple[str, str]]:
    if answer.status in _BODILESS:
        return [("Date", date), *answer.headers]
    headers = [("Content-Length", str(len(answer.body))), ("Date", date), *answer.headers]
    if answer.body:
        headers.insert(0, ("Content-Type", answer.content_type))
    return headers
