"""One examination from settings to an exit code: what is examined is built here."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Sequence

from drainer.clock import SystemClock
from drainer.core.model import Document
from drainer.doctor import platform
from drainer.doctor.check import Check, exit_code
from drainer.doctor.examine import examine
from drainer.doctor.patience import Patient
from drainer.doctor.report import as_object, lines
from drainer.doctor.subject import Subject
from drainer.errors import Broken
from drainer.journal import FileStore, Journal
from drainer.ports import Clock
from drainer.settings import Settings

WHOLE_S = 240.0
"""All calls of the management API together; a daemon ends its doctor after five minutes."""


def main(settings: Settings, *, as_json: bool, read_only: bool = False, jitter_s: float = 0.0) -> int:
    """Examine, print, and the exit code. Raises PolicyInvalid."""
    if jitter_s > 0:
        threading.Event().wait(jitter_s * int.from_bytes(os.urandom(4)) / 2**32)
    checks = examined(settings, read_only=read_only)
    print(json.dumps(as_object(checks)) if as_json else "\n".join(lines(checks)))
    return exit_code(checks)


def examined(settings: Settings, *, read_only: bool = False) -> Sequence[Check]:
    """Every check. Raises PolicyInvalid."""
    from drainer.wiring import event_feed, layers, load_policy, management, uses_azure

    clock = SystemClock(settings.boot_id)
    policy = load_policy(settings).policy
    asked = management(settings) if uses_azure(policy) else None
    subject = Subject(
        settings=settings,
        policy=policy,
        quiet=not read_only and not episode_open(settings, clock),
        arm=Patient(asked, whole_s=WHOLE_S) if asked else None,
    )
    feed = event_feed(settings, clock)
    try:
        document = platform.read(feed)
        name = document.vm.name if isinstance(document, Document) else settings.vm_name
        return tuple(
            examine(subject, document, lambda: layers(policy, settings, clock=clock, vm_name=lambda: name))
        )
    finally:
        feed.close()
        if asked is not None:
            asked.close()


def episode_open(settings: Settings, clock: Clock) -> bool:
    """Whether the journal says that something is ours to give back; one that cannot be read says so too."""
    try:
        return Journal(FileStore(settings.state), clock).state.episode is not None
    except Broken as error:
        print(f"drainer: the journal cannot be read, so nothing is written: {error.reason}", file=sys.stderr)
        return True


def roles(scope: str) -> int:
    """Print the documents for `az role definition create`, one JSON object to a line."""
    from drainer.azure.roles import ROLES, definition

    for role in ROLES:
        print(json.dumps(definition(role, scope)))
    return 0
