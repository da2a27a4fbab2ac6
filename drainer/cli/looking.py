"""Verbs that look: they change nothing."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drainer.cli import exits
from drainer.cli.flags import (
    JOURNALED,
    JSON,
    MANAGING,
    READING,
    Verbs,
    add_flag,
    add_verb,
    settings_of,
    wants_json,
)

if TYPE_CHECKING:
    from drainer.settings import Settings


def add(verbs: Verbs) -> None:
    """Add status, history, explain and vm."""
    looks = (
        add_verb(
            verbs,
            "status",
            status,
            about="show what the daemon knows: 0 fine, 3 alarm, 4 no daemon (then from the journal)",
            example="drainer status --json",
            flags=JOURNALED,
        ),
        add_verb(
            verbs,
            "history",
            history,
            about="show every episode: what happened, when, and why",
            example="drainer history --json",
            flags=JOURNALED,
        ),
        _explains(verbs),
        add_verb(
            verbs,
            "vm",
            vm,
            about="show this VM: who it is, its network, its membership, its notices",
            example="drainer vm --json",
            flags=(*READING, *MANAGING, "policy"),
        ),
    )
    for parser in looks:
        add_flag(parser, JSON)


def _explains(verbs: Verbs) -> argparse.ArgumentParser:
    parser = add_verb(
        verbs,
        "explain",
        explain,
        about="run the policy over a document in a simulated world, and print the steps with times",
        example="drainer explain --document events.json --policy policy.yaml --vm-name web-1",
        flags=(*READING, "policy"),
    )
    parser.add_argument(
        "--document", type=Path, metavar="FILE", help="a document of any source (default: the live one)"
    )
    return parser


def status(parsed: argparse.Namespace) -> int:
    settings, as_json = settings_of(parsed), wants_json(parsed)
    from drainer.cli.tables import status_lines

    shown, code = _status(settings)
    if as_json:
        print(json.dumps(shown))
    else:
        print("\n".join(status_lines(shown, colour=sys.stdout.isatty())))
    return code


def _status(settings: Settings) -> tuple[dict[str, Any], int]:
    """The status and its exit code."""
    from drainer.control.client import ask
    from drainer.errors import Broken, Transient

    try:
        shown: dict[str, Any] = ask(settings.socket, "status")["status"]
    except Transient as error:
        if error.kind != "no-daemon":
            raise
        try:
            return _from_journal(settings.state, error.reason), exits.NO_DAEMON
        except Broken as broken:
            raise Transient(
                "no-daemon", f"{error.reason}; nor can the journal be read: {broken.reason}"
            ) from None
    return shown, exit_of(shown)


def exit_of(shown: dict[str, Any]) -> int:
    """What `status` of a living daemon ends with: whether an alarm stands."""
    return exits.ALARM if shown["alarms"] else exits.OK


def _from_journal(state: Path, why: str) -> dict[str, Any]:
    from drainer.cli.tables import plain
    from drainer.clock import SystemClock
    from drainer.journal import FileStore, Journal
    from drainer.status import status_of_journal

    journal = Journal(FileStore(state), SystemClock())
    print(plain(f"daemon not running; from the journal: {state} ({why})"), file=sys.stderr)
    return status_of_journal(journal.state, damage=journal.broken)


def history(parsed: argparse.Namespace) -> int:
    settings, as_json = settings_of(parsed), wants_json(parsed)
    from drainer.cli.tables import history_lines

    shown = _history(settings)
    print(json.dumps(shown) if as_json else "\n".join(history_lines(shown)))
    return exits.OK


def _history(settings: Settings) -> dict[str, Any]:
    """From the daemon, which may read the journal; else from the file itself. Raises Broken."""
    from drainer.cli.tables import plain
    from drainer.control.client import ask
    from drainer.control.history import history_in
    from drainer.errors import DrainerError

    try:
        shown: dict[str, Any] = ask(settings.socket, "history")["history"]
    except DrainerError as error:
        if error.kind not in ("no-daemon", "no-journal"):
            raise
        print(plain(f"from the journal: {settings.state} ({error.reason})"), file=sys.stderr)
        return history_in(settings.state)
    return shown


def explain(parsed: argparse.Namespace) -> int:
    settings, as_json = settings_of(parsed), wants_json(parsed)
    from drainer import explain as explaining

    return explaining.main(settings, document=parsed.document, as_json=as_json)


def vm(parsed: argparse.Namespace) -> int:
    settings, as_json = settings_of(parsed), wants_json(parsed)
    from drainer.cli.tables import plain
    from drainer.cli.vmlines import vm_lines
    from drainer.vm import look

    found = look(settings)
    print(json.dumps(found) if as_json else "\n".join(map(plain, vm_lines(found))))
    if found["document"]["readable"] or found["network"]["interfaces"] is not None:
        return exits.OK
    asked = f"drainer: {settings.metadata_url} gave nothing: is this an Azure VM, and --metadata-url right?"
    print(asked, file=sys.stderr)
    return exits.FAILED
