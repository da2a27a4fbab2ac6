"""The metadata service on its connections: who asks, the faults in force, and the answer with its Date.

All that is decided here is decided for one request; the world behind it decides the rest.
"""

from dataclasses import replace
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive, Scope, Send

from metadata_server.clock import pause
from metadata_server.directory import Directory
from metadata_server.faults import OF_A_BODY, Fault, FaultKind
from metadata_server.imds.exchange import Answer, Question, refusal, too_many
from metadata_server.imds.faulty import Wire, answered, send, unanswered
from metadata_server.imds.limits import Enablement, Limits
from metadata_server.imds.service import respond
from metadata_server.imds.sources import Sources
from metadata_server.times import rfc1123
from metadata_server.topology import Address, Vm
from metadata_server.world import World


class MetadataApp:
    """ASGI: the metadata service of every VM in the directory."""

    def __init__(self, *, world: World, directory: Directory, sources: Sources) -> None:
        self._world = world
        self._directory = directory
        self._sources = sources
        self._limits = Limits()
        self._enablement = Enablement()

    async def __call__(self, scope: Scope, receive: Receive, send_message: Send) -> None:
        wire = Wire(scope=scope, receive=receive, send=send_message, date=rfc1123(self._world.now()))
        vm = self._vm(scope)
        if vm is None:
            await send(refusal(404, f"No VM has the address {scope['client'][0]}"), wire)
            return
        try:
            question = await _question(vm, Request(scope, receive))
        except ClientDisconnect:
            return
        faults = self._faults(question)
        await self._wait(question, faults)
        if not await unanswered(faults, wire):
            wire = replace(wire, date=rfc1123(self._world.now()))
            asked = _unconditional(question) if faults.keys() & OF_A_BODY else question
            await answered(faults, lambda: self._answer(asked), wire)

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
        return respond(question, self._world, self._sources)


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


def _unconditional(question: Question) -> Question:
    headers = {name: value for name, value in question.headers.items() if name != "if-none-match"}
    return replace(question, headers=headers)
