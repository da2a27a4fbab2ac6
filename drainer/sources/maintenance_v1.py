"""The maintenance document of 2016: GET /metadata/v1/maintenance, `{}` or an EventID; facts 1a.

It does not say whose it is: the VM's name comes from the operator, the instance document, or InstanceInfo.
"""

from __future__ import annotations

from drainer.core.model import AckAnswer, Document, SourceKind, Unreadable, Vm
from drainer.ports import Clock
from drainer.sources import instance_info
from drainer.sources.identity import Identity, Nameless
from drainer.sources.legacy import ask, document, no_acknowledgement
from drainer.sources.legacy_documents import parse_instance_info, parse_maintenance
from drainer.transport.http import HttpPeer

PATH = "/metadata/v1/maintenance"


class MaintenanceSource:
    """An `EventFeed`. Its first `observe` also learns the name; "" where nothing tells it."""

    def __init__(self, peer: HttpPeer, clock: Clock, identity: Identity) -> None:
        self._peer = peer
        self._clock = clock
        self._identity = identity
        self._vm: Vm | None = None

    def observe(self) -> Document | Unreadable:
        """A definite lack of a name is none; an instance document that may yet come is waited for."""
        answer = ask(self._peer, PATH)
        if isinstance(answer, Unreadable):
            return answer
        events = parse_maintenance(answer.body)
        if isinstance(events, Unreadable):
            return events
        vm = self._named()
        if isinstance(vm, Unreadable):
            return vm
        return document(SourceKind.MAINTENANCE, vm, events, answer=answer, clock=self._clock)

    def acknowledge(self, event_id: str) -> AckAnswer:
        """Raises Refused always."""
        raise no_acknowledgement(SourceKind.MAINTENANCE)

    def close(self) -> None:
        self._peer.close()
        self._identity.close()

    def _named(self) -> Vm | Unreadable:
        if self._vm is None:
            who = self._identity.read()
            if isinstance(who, Unreadable):
                return who
            self._vm = self._by_instance_info() if isinstance(who, Nameless) else who
        return self._vm

    def _by_instance_info(self) -> Vm:
        answer = ask(self._peer, instance_info.PATH)
        info = answer if isinstance(answer, Unreadable) else parse_instance_info(answer.body)
        if isinstance(info, Unreadable):
            return Vm(name="")
        return Vm(name=info.name, update_domain=info.update_domain, fault_domain=info.fault_domain)
