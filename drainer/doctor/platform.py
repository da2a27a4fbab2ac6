"""What the metadata service answers: notices, the clock, an identity's token. Asked without any proxy."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from time import monotonic
from urllib.parse import quote

from drainer.core.model import Document, Unreadable
from drainer.doctor.check import Check, passed, refused, skipped, warned
from drainer.doctor.subject import Subject
from drainer.errors import Transient
from drainer.ports import EventFeed
from drainer.sources.identity import METADATA, TIMEOUT_S
from drainer.transport.azure.settings import LOGGED_IN
from drainer.transport.http import HttpPeer

FIRST_ANSWER_S = 10.0
LOOK_EVERY_S = 0.5
SKEW = timedelta(seconds=2)
TOKEN = (
    "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2Fmanagement.azure.com%2F"
)


def read(feed: EventFeed) -> Document | Unreadable:
    """The document, asked for until it is there or the time is over."""
    ends, nothing = monotonic() + FIRST_ANSWER_S, threading.Event()
    while True:
        found = feed.observe()
        if isinstance(found, Document) or monotonic() >= ends or found.kind in ("refused", "unresolved"):
            return found
        nothing.wait(LOOK_EVERY_S)


def notices(found: Document | Unreadable) -> Iterator[Check]:
    """The source of notices answers, and says who this VM is."""
    match found:
        case Document(source=source, vm=vm):
            yield passed(
                "metadata-service", f"{source.value} answers, and this VM is {vm.name or 'nameless'}"
            )
        case Unreadable(kind=kind, reason=reason):
            yield refused(
                "metadata-service",
                f"{kind}: {reason}",
                cure="allow this VM to reach 169.254.169.254, past any proxy and any rule of its firewall;"
                " the first answer of Scheduled Events may take two minutes",
            )


def clock(found: Document | Unreadable) -> Iterator[Check]:
    """This machine's clock agrees with the platform's: NotBefore is read by it."""
    if isinstance(found, Unreadable) or found.skew is None:
        yield skipped("clock", "the metadata service said no time")
        return
    seconds = found.skew.total_seconds()
    if abs(found.skew) <= SKEW:
        yield passed("clock", f"{seconds:+.1f} s from the platform's")
        return
    yield warned(
        "clock", f"the platform's is {seconds:+.1f} s from this machine's", cure="let NTP set the clock"
    )


def identity(subject: Subject) -> Iterator[Check]:
    """The managed identity answers with a token, which is looked at for nothing but being there."""
    if not subject.azure_layers:
        yield skipped("identity", "no layer of the policy asks the management API")
        return
    wanted = subject.settings.identity
    if wanted == LOGGED_IN:
        yield skipped("identity", "whoever is logged in with az is used, and no managed identity")
        return
    peer = HttpPeer(subject.settings.metadata_url)
    try:
        path = f"{TOKEN}&client_id={quote(wanted)}" if wanted else TOKEN
        answer = peer.get(path, headers=METADATA, timeout_s=TIMEOUT_S)
    except Transient as error:
        yield refused("identity", f"{error.kind}: {error.reason}", cure=_CURE)
        return
    finally:
        peer.close()
    said = _said(answer.body)
    if answer.status == 200 and said.get("access_token"):
        yield passed("identity", f"{wanted or 'the system-assigned identity'} gets a token")
        return
    told = said.get("error_description") or said.get("error") or "no token in the answer"
    yield refused("identity", f"{answer.status}: {str(told)[:200]}", cure=_CURE)


_CURE = "assign a managed identity to this VM, or name the one to use by --identity CLIENT-ID"


def _said(body: bytes) -> dict[str, object]:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}
