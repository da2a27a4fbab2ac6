"""InstanceInfo of 2015: GET /metadata/v1/InstanceInfo, whose Reboot member is the notice; facts 1a."""

from __future__ import annotations

from drainer.core.model import AckAnswer, Document, SourceKind, Unreadable, Vm
from drainer.ports import Clock
from drainer.sources.legacy import ask, document, no_acknowledgement
from drainer.sources.legacy_documents import parse_instance_info
from drainer.transport.http import HttpPeer

PATH = "/metadata/v1/InstanceInfo"


class InstanceInfoSource:
    """An `EventFeed`. `given` is the operator's name for this VM, "" for the document's own ID."""

    def __init__(self, peer: HttpPeer, clock: Clock, *, given: str = "") -> None:
        self._peer = peer
        self._clock = clock
        self._given = given

    def observe(self) -> Document | Unreadable:
        answer = ask(self._peer, PATH)
        if isinstance(answer, Unreadable):
            return answer
        info = parse_instance_info(answer.body)
        if isinstance(info, Unreadable):
            return info
        vm = Vm(
            name=self._given or info.name, update_domain=info.update_domain, fault_domain=info.fault_domain
        )
        return document(SourceKind.INSTANCE_INFO, vm, info.events, answer=answer, clock=self._clock)

    def acknowledge(self, event_id: str) -> AckAnswer:
        """Raises Refused always."""
        raise no_acknowledgement(SourceKind.INSTANCE_INFO)

    def close(self) -> None:
        self._peer.close()
