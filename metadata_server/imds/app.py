"""The metadata service on its connections: who asks, the faults in force, and the answer with its Date.

All that is decided here is decided for one request; the world behind it decides the rest.
"""

from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive, Scope, Send

from metadata_server.clock import pause
from metadata_server.directory import Directory
from metadata_server.faults import Fault, FaultKind
from metadata_server.imds.exchange import Answer, Question, refusal, too_many
from metadata_server.imds.faulty import distorted, reset, send, send_half
from metadata_server.imds.limits import Enablement, Limits
from metadata_server.imds.service import respond
from metadata_server.times import rfc1123
from metadata_server.topology import Address, Vm
from metadata_server.world import World


class MetadataApp:
    """ASGI: the metadata service of every VM in the directory."""

    def __init__(self, *, world: World, directory: Directory) -> None:
        self._world = world
        self._directory = directory
        self._limits = Limits()
        self._enablement = Enablement()

    async def __call__(self, scope: Scope, receive: Receive, send_message: Send) -> None:
        vm = self._vm(scope)
        if vm is None:
            stranger = refusal(404, f"No VM has the address {scope['client'][0]}")
            await send(stranger, date=self._date(), send_message=send_message)
            return
        try:
            question = await _question(vm, Request(scope, receive))
        except ClientDisconnect:
            return
        faults = self._faults(question)
        await self._wait(question, faults)
        if FaultKind.RESET in faults:
            await reset(scope, receive)
            return
        answer = distorted(faults) or self._answer(question)
        if FaultKind.EMPTY in faults:
            answer = Answer(status=answer.status, content_type=answer.content_type)
        if FaultKind.TRUNCATED in faults:
            await send_half(
                answer, date=self._date(), scope=scope, receive=receive, send_message=send_message
            )
            return
        await send(answer, date=self._date(), send_message=send_message)

    def _vm(self, scope: Scope) -> Vm | None:
        host, port = scope["server"]
        return self._directory.vm(asked=Address(host=host, port=port), peer=scope["client"][0])

    def _faults(self, question: Question) -> dict[FaultKind, Fault]:
        in_force = self._world.timeline().faults.get(question.vm, ())
        return {fault.kind: fault for fault in in_force if question.path.startswith(fault.path)}

    async def _wait(self, question: Question, faults: dict[FaultKind, Fault]) -> None:
        late = self._enablement.delay(question, self._world).total_seconds()
        if FaultKind.DELAY in faults:
            late += faults[FaultKind.DELAY].delay_s
        if late:
            await pause(late)

    def _answer(self, question: Question) -> Answer:
        state = self._world.timeline()
        if self._limits.exceeded(question, state.switches, state.now):
            return too_many()
        return respond(question, self._world)

    def _date(self) -> str:
        return rfc1123(self._world.now())


async def _question(vm: Vm, request: Request) -> Question:
    query = parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)
    return Question(
        vm=vm.name,
        method=request.method,
        path=request.scope["path"],
        query=tuple(query),
        headers=dict(request.headers),
        body=await request.body(),
    )
