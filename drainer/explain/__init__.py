"""`drainer explain`: the shipped reconciler over one document, in a world that exists in memory alone.

The steps are those that a daemon would take; the times are those of a world in which everything works.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drainer.clock import SystemClock
from drainer.core.codec import encode
from drainer.core.model import At, Document
from drainer.core.policy import Policy
from drainer.explain.given import from_file, live
from drainer.explain.rehearsal import ASSUMES
from drainer.explain.story import Ending, Line, Story, rehearse
from drainer.notices import notice_json, notices_of

if TYPE_CHECKING:
    from drainer.settings import Settings

SCHEMA = 1

ENDINGS = {
    Ending.STEADY: "then nothing is pending, and what was taken is given back",
    Ending.VM_ENDS: "then this VM is gone for good",
    Ending.NOT_ENDED: "and so on: the rest was not rehearsed",
}


def main(settings: Settings, *, document: Path | None, as_json: bool) -> int:
    """Print the steps; 0. Raises PolicyInvalid, Refused, SettingInvalid, or Transient kind "unread"."""
    from drainer.wiring import layers, load_policy

    policy = load_policy(settings).policy
    clock = SystemClock(settings.boot_id)
    now = clock.now()
    given = live(settings, clock) if document is None else from_file(document, settings, now)
    built = layers(policy, settings, clock=clock, vm_name=lambda: given.vm.name)
    try:
        story = rehearse(given, policy, built, now=now.wall + (given.skew or timedelta(0)))
    finally:
        for layer in built:
            layer.close()
    if as_json:
        print(json.dumps(as_object(given, policy, story)))
    else:
        print("\n".join(as_text(given, policy, story)))
        print(f"\nassumed: {'; '.join(ASSUMES)}.", file=sys.stderr)
    return 0


def as_object(document: Document, policy: Policy, story: Story) -> dict[str, Any]:
    """The story as docs/interfaces.md describes it."""
    began = story.lines[0].at
    return {
        "schema": SCHEMA,
        "vm": document.vm.name or None,
        "policy": policy.digest,
        "assumed": list(ASSUMES),
        "notices": [
            {**notice_json(event), "rule": rule + 1, "does": chosen.do.value}
            for event in notices_of(document)
            for rule, chosen in [policy.rule_for(event)]
        ],
        "steps": [_step(line, began) for line in story.lines],
        "ends": story.ending.value,
    }


def _step(line: Line, began: datetime) -> dict[str, Any]:
    return {
        "at": encode(line.at),
        "after_s": (line.at - began).total_seconds(),
        "step": line.step,
        "subject": line.subject,
        "row": line.row,
        "why": line.why,
    }


def as_text(document: Document, policy: Policy, story: Story) -> Iterator[str]:
    """The story for people: the notices, then a line a step, each with its time from NotBefore."""
    notices = notices_of(document)
    for event in notices:
        rule, chosen = policy.rule_for(event)
        at = f", not before {_second(event.not_before.at)}" if isinstance(event.not_before, At) else ""
        yield f"{event.type} {event.id}{at}: rule {rule + 1} says {chosen.do.value}"
    if not notices:
        yield f"no notice names {document.vm.name or 'this VM'}"
    not_before = min((e.not_before.at for e in notices if isinstance(e.not_before, At)), default=None)
    began = story.lines[0].at
    for line in story.lines:
        yield f"{_when(line.at, began, not_before)}  {line.step} {line.subject}".rstrip() + f"  ({line.row})"
    yield ENDINGS[story.ending]


def _when(at: datetime, began: datetime, not_before: datetime | None) -> str:
    now = "now" if at == began else f"+{_span(at - began)}"
    relation = "" if not_before is None else f"  {_relation(at - not_before):<24}"
    return f"{_second(at)}  {now:>9}{relation}"


def _relation(after: timedelta) -> str:
    if not round(after.total_seconds()):
        return "at NotBefore"
    return f"{_span(abs(after))} {'after' if after > timedelta(0) else 'before'} NotBefore"


def _span(span: timedelta) -> str:
    """Whole seconds, in the two largest units that say something."""
    seconds = round(span.total_seconds())
    parts = []
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts[:2]) or "0s"


def _second(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
