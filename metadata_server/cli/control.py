"""The controller's verbs as subcommands, made from the table that serves them, and `list`."""

import argparse
import json
from typing import Any

from metadata_server.control.client import ControlClient
from metadata_server.control.fields import Field, Presence
from metadata_server.control.verbs import VERBS, Verb

_COLUMNS = ("id", "type", "status", "not_before", "source", "vms")


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add every verb, and `list`."""
    for verb in VERBS:
        _add_verb(commands.add_parser(verb.name, help=verb.about), verb)
    listing = _remote(commands.add_parser("list", help="the events that are listed now"))
    listing.add_argument("--all", action="store_true", help="those that are over too")
    listing.set_defaults(run=_list)


def _add_verb(parser: argparse.ArgumentParser, verb: Verb) -> None:
    _remote(parser)
    for field in verb.fields:
        _add_field(parser, verb, field)
    parser.set_defaults(run=lambda parsed: _give(parsed, verb))


def _remote(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("--control", required=True, metavar="URL", help="the control URL that serve printed")
    parser.add_argument("--json", action="store_true", help="the whole reply as JSON")
    return parser


def _add_field(parser: argparse.ArgumentParser, verb: Verb, field: Field) -> None:
    about = field.about
    shown = f"{about} ({', '.join(field.kind.choices)})" if field.kind.choices else about
    if field.name in verb.positional:
        parser.add_argument(field.name, help=shown)
        return
    repeats = field.kind.repeats
    parser.add_argument(
        f"--{repeats or field.name}",
        dest=field.name,
        required=field.presence is Presence.REQUIRED,
        action="append" if repeats else "store",
        metavar=(repeats or field.name).upper(),
        help=f"{shown}; repeatable" if repeats else shown,
    )


def _give(parsed: argparse.Namespace, verb: Verb) -> None:
    fields = {field.name: getattr(parsed, field.name) for field in verb.fields}
    reply = ControlClient(parsed.control).give(verb.name, **fields)
    if parsed.json:
        print(json.dumps(reply))
        return
    print("\n".join(_short(reply)))


def _short(reply: dict[str, Any]) -> list[str]:
    """What a person or a script wants next: the ids if there are any, else the values."""
    if "events" in reply:
        return [event["id"] for event in reply["events"]]
    if "id" in reply:
        return [reply["id"]]
    return [
        " ".join(f"{key}={_cell(value)}" for key, value in reply.items() if key not in ("about", "takes"))
    ]


def _list(parsed: argparse.Namespace) -> None:
    view = "events?gone=shown" if parsed.all else "events"
    reply = ControlClient(parsed.control).show(view)
    if parsed.json:
        print(json.dumps(reply))
        return
    print("\n".join(table(reply["events"])))


def table(events: list[dict[str, Any]]) -> list[str]:
    """The events in columns under a heading."""
    rows = [[name.upper() for name in _COLUMNS]]
    for event in events:
        rows.append([_cell(event[name]) for name in _COLUMNS])
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]


def _cell(value: object) -> str:
    return ",".join(value) if isinstance(value, list) else str(value)
