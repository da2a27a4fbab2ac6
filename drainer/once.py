"""One look at the metadata service, for cron and the Task Scheduler: log, print, and an exit code.

It takes no lock and writes no state, so it may run beside the daemon, and as any user. It must not act.
"""

from __future__ import annotations

import io
import json
import os
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import TYPE_CHECKING, TextIO

from drainer.core.model import Document, SourceKind, Unreadable, elapsed
from drainer.notices import as_json, available, notices_of, sentence, vm_called
from drainer.ports import Clock, EventFeed
from drainer.reporting.changes import LastRecord, cache_file
from drainer.reporting.syslog import MachineLog, NoLog, one_line

if TYPE_CHECKING:
    from drainer.settings import Settings

NOTHING = 0
PENDING = 10
UNREAD = 75
GIVE_UP_AFTER = timedelta(seconds=30)
EVERY_S = 1.0


class Record(Enum):
    """When availability is logged: nothing pending is worth a line, too, or only when that changed."""

    OFF = "off"
    ALWAYS = "always"
    ON_CHANGE = "on-change"


class Form(Enum):
    """How the result is printed."""

    TEXT = "text"
    JSON = "json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What was asked for, and where it goes. `vm_name` is only for words, where nothing could be read."""

    clock: Clock
    log: MachineLog
    last: LastRecord
    out: TextIO
    err: TextIO
    form: Form = Form.TEXT
    record: Record = Record.OFF
    vm_name: str = ""


def main(settings: Settings, *, json: bool = False, record: str | None = None) -> int:
    """`drainer once`: 0 nothing is pending for this VM, 10 a notice is, 75 could not read.

    Raises PolicyInvalid (78).
    """
    from drainer.wiring import load_policy

    policy = load_policy(settings).policy
    return run_once(
        settings.metadata_url,
        source=settings.source,
        vm_name=settings.vm_name,
        form=Form.JSON if json else Form.TEXT,
        record=Record.OFF if record is None or settings.dry_run else Record(record),
        log=None if policy.system_log and not settings.dry_run else NoLog(),
    )


def run_once(
    base_url: str,
    *,
    source: SourceKind | None = None,
    vm_name: str = "",
    form: Form = Form.TEXT,
    record: Record = Record.OFF,
    log: MachineLog | None = None,
    last: LastRecord | None = None,
    environ: Mapping[str, str] = os.environ,
) -> int:
    """Look with the real clock, source and log (`log` None: the platform's). Raises ValueError for a URL."""
    from drainer.clock import SystemClock
    from drainer.reporting.syslog import system_log
    from drainer.sources.discovery import discover

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that cannot show a character shows its number
            stream.reconfigure(errors="backslashreplace")
    look = Look(
        clock=SystemClock(),
        log=system_log() if log is None else log,
        last=LastRecord(cache_file(environ)) if last is None else last,
        out=sys.stdout,
        err=sys.stderr,
        form=form,
        record=record,
        vm_name=vm_name,
    )
    bound_s = GIVE_UP_AFTER.total_seconds()
    feed = discover(base_url, clock=look.clock, vm_name=vm_name, source=source, lifetime_s=bound_s)
    try:
        return report(read(feed, look.clock, wait=threading.Event().wait), look)
    finally:
        feed.close()


def read(feed: EventFeed, clock: Clock, *, wait: Callable[[float], object]) -> Document | Unreadable:
    """Ask once a second until there is a document, for 30 seconds at most; then the last failure."""
    began = clock.now()
    while True:
        outcome = feed.observe()
        if isinstance(outcome, Document):
            return outcome
        late = elapsed(began, clock.now()) + timedelta(seconds=EVERY_S) >= GIVE_UP_AFTER
        if late or outcome.kind == "name-mismatch":  # which waiting does not mend
            return outcome
        wait(EVERY_S)


def report(outcome: Document | Unreadable, look: Look) -> int:
    """Log and print what was read; the exit code."""
    if isinstance(outcome, Unreadable):
        return _unread(outcome, look)
    notices = notices_of(outcome)
    name = outcome.vm.name
    lines = [sentence(event, vm=name) for event in notices] or [available(name)]
    _log(lines, look, level="warning" if notices else "info")
    if look.form is Form.JSON:
        print(json.dumps(as_json(outcome)), file=look.out)
    else:
        print(*(one_line(line) for line in lines), sep="\n", file=look.out)
    return PENDING if notices else NOTHING


def _unread(outcome: Unreadable, look: Look) -> int:
    line = f"{vm_called(look.vm_name)}: could not read whether a maintenance is pending"
    _log([f"{line} ({outcome.kind})"], look, level="error")
    print(
        one_line(f"drainer: {line}: {outcome.kind}: {outcome.reason}"),
        "This says nothing about pending notices; the next run looks again.",
        sep="\n",
        file=look.err,
    )
    return UNREAD


def _log(lines: list[str], look: Look, *, level: str) -> None:
    """A notice is always logged; the rest where it is recorded; either only once where only changes are."""
    told = "\n".join(lines)
    match look.record:
        case Record.OFF if level != "warning":
            return
        case Record.ON_CHANGE if not look.last.differs(told):
            return
        case _:
            pass
    for line in lines:
        look.log.write(level, line)
    if look.record is Record.ON_CHANGE and not look.log.trouble:
        look.last.keep(told)
    for trouble in filter(None, (look.log.trouble, look.last.trouble)):
        print(f"drainer: not recorded: {trouble}", file=look.err)
