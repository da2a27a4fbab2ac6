"""The management API on its connections: faults first, then who asks, then the answer. ASGI."""

import uuid
from collections.abc import Mapping
from dataclasses import replace

from starlette.requests import ClientDisconnect, Request
from starlette.types import Message, Receive, Scope, Send

from metadata_server import misbehaving
from metadata_server.arm.asking import Asking
from metadata_server.arm.faults import ArmFault, ArmFaultKind, refusal_of
from metadata_server.arm.refusal import Refusal, Reply
from metadata_server.arm.requests import Asked
from metadata_server.arm.service import ArmService
from metadata_server.clock import pause
from metadata_server.misbehaving import HTML, reset
from metadata_server.times import format_instant, rfc1123
from metadata_server.tokens import Principal
from metadata_server.world import World

UNANSWERED = (ArmFaultKind.DROP, ArmFaultKind.DROP_AFTER)


class ArmApp:
    """Answers as the service says; drops, delays and silences as its faults say."""

    def __init__(self, service: ArmService, world: World) -> None:
        self._service = service
        self._world = world

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            asking = await _asking(Request(scope, receive))
        except ClientDisconnect:
            return
        who = _known(self._service, asking)
        vm = who.vm if isinstance(who, Principal) else ""
        hit = self._service.faults.hit(method=asking.method, path=asking.path, vm=vm)
        kind = hit[0] if hit else None
        if vm in self._service.effects().cut_off or kind is ArmFaultKind.SILENT:
            self._note(asking, vm, 0)
            await _never(receive)
            return
        if kind in (ArmFaultKind.DROP, ArmFaultKind.RESET_HEADERS):
            self._note(asking, vm, 0)
            if kind is ArmFaultKind.RESET_HEADERS:
                misbehaving.half_head(scope)
            await reset(scope, receive)
            return
        if kind in (ArmFaultKind.OVERSIZED, ArmFaultKind.ENDLESS):
            self._note(asking, vm, 200)
            pour = misbehaving.oversized if kind is ArmFaultKind.OVERSIZED else misbehaving.endless
            await pour(receive=receive, send=send)
            return
        if kind is ArmFaultKind.FAIL:
            asking = replace(asking, fails=True)
        reply = (_instead(*hit) if hit else None) or self._replied(asking, who)
        self._note(asking, vm, 0 if kind in UNANSWERED else reply.status)
        if kind is ArmFaultKind.DROP_AFTER:
            await reset(scope, receive)
            return
        if hit is not None and kind is ArmFaultKind.SLOW:
            await pause(hit[1].delay.total_seconds())
        if kind in (ArmFaultKind.TRUNCATED, ArmFaultKind.RESET_BODY):
            headers = list(self._headers(reply, asking).items())
            await misbehaving.half_body(reply.status, headers, reply.body, send=send)
            ending = misbehaving.close if kind is ArmFaultKind.TRUNCATED else reset
            await ending(scope, receive)
            return
        if kind is ArmFaultKind.MALFORMED:
            reply = replace(reply, body=reply.body[: len(reply.body) // 2])
        await self._send(reply, asking, send, times=2 if kind is ArmFaultKind.DUPLICATED else 1)

    def _replied(self, asking: Asking, who: Principal | Refusal) -> Reply:
        if isinstance(who, Refusal):
            return who.reply()
        try:
            return self._service.respond(asking, who)
        except Refusal as refused:
            return refused.reply()

    async def _send(self, reply: Reply, asking: Asking, send: Send, *, times: int) -> None:
        headers = list(self._headers(reply, asking).items())
        await send(misbehaving.start(reply.status, headers * times))
        await send({"type": "http.response.body", "body": reply.body})

    def _headers(self, reply: Reply, asking: Asking) -> Mapping[str, str]:
        return {
            "Content-Type": "application/json; charset=utf-8",
            "Content-Length": str(len(reply.body)),
            "Date": rfc1123(self._world.now()),
            "x-ms-request-id": str(uuid.uuid4()),
            "x-ms-correlation-request-id": asking.headers.get("x-ms-client-request-id", str(uuid.uuid4())),
            **reply.headers,
        }

    def _note(self, asking: Asking, vm: str, status: int) -> None:
        self._service.log.note(
            Asked(
                at=format_instant(self._world.now()),
                vm=vm,
                method=asking.method,
                path=asking.path,
                status=status,
                if_match="if-match" in asking.headers,
                request_id=asking.headers.get("x-ms-client-request-id", ""),
            )
        )


def _instead(kind: ArmFaultKind, fault: ArmFault) -> Reply | None:
    """The answer that takes the place of the real one; None if this fault does not do that."""
    match kind:
        case ArmFaultKind.HTML:
            return Reply(status=200, body=HTML, headers={"Content-Type": "text/html"})
        case ArmFaultKind.REDIRECT:
            return Reply(status=307, body=b"", headers={"Location": fault.location})
    refusal = refusal_of(kind, fault)
    return refusal.reply() if refusal else None


def _known(service: ArmService, asking: Asking) -> Principal | Refusal:
    try:
        return service.principal(asking)
    except Refusal as refused:
        return refused


async def _asking(request: Request) -> Asking:
    return Asking(
        method=request.method,
        path=request.scope["path"],
        query=request.scope["query_string"].decode("latin-1"),
        headers=dict(request.headers),
        body=await request.body(),
    )


async def _never(receive: Receive) -> None:
    """Until the client gives up."""
    message: Message = await receive()
    while message["type"] != "http.disconnect":
        message = await receive()
