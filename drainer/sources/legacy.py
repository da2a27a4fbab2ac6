"""What both sources of 2015 share: one GET, no acknowledgement, and little to believe in their silence."""

from __future__ import annotations

from drainer.core.model import Document, Event, Footing, SourceKind, Unreadable, Vm
from drainer.errors import Refused, Transient
from drainer.ports import Clock
from drainer.sources.body import refused_status
from drainer.sources.dates import skew_of
from drainer.sources.identity import METADATA
from drainer.transport.http import Answer, HttpPeer

POLL_TIMEOUT_S = 5.0


def ask(peer: HttpPeer, path: str) -> Answer | Unreadable:
    """A 200 answer, or why there is none."""
    try:
        answer = peer.get(path, headers=METADATA, timeout_s=POLL_TIMEOUT_S)
    except Transient as error:
        return Unreadable(kind=error.kind, reason=error.reason)
    return answer if answer.status == 200 else refused_status(answer)


def document(
    source: SourceKind, vm: Vm, events: tuple[Event, ...], *, answer: Answer, clock: Clock
) -> Document:
    now = clock.now()
    return Document(
        source=source,
        vm=vm,
        events=events,
        read_at=now,
        skew=skew_of(answer, now),
        footing=Footing.NEW,
    )


def no_acknowledgement(source: SourceKind) -> Refused:
    """The service of 2015 takes none (facts 1a)."""
    return Refused("ack-unknown", f"{source.value} knows no acknowledgement: the reboot comes when it comes")
