"""Reference pages that nobody writes: the command line from its parser, the policy from its JSON Schema."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from drainer.cli.entry import parser

SCHEMA = Path(__file__).parents[2] / "policies" / "schema.json"


def command_line() -> str:
    """One section for each verb: what it does, how it is called, every flag, its example."""
    whole = parser()
    parts = ["# Command line\n", f"{whole.description}\n", "Written from the parser itself.\n"]
    for name, verb in sorted(_verbs(whole).items()):
        parts.append(_verb(name, verb))
    return "\n".join(parts)


def _verbs(whole: argparse.ArgumentParser) -> Mapping[str, argparse.ArgumentParser]:
    (found,) = (action for action in whole._actions if isinstance(action, argparse._SubParsersAction))
    return dict(found.choices)


def _verb(name: str, verb: argparse.ArgumentParser) -> str:
    rows = [row for action in verb._actions for row in _row(action)]
    table = ["| argument | |", "|---|---|", *rows] if rows else ["It reads its own arguments: see `--help`."]
    usage = " ".join(verb.format_usage().removeprefix("usage: ").split())
    lines = [f"## {name}", "", verb.description or "", "", "```text", usage, "```", "", *table, ""]
    if verb.epilog:
        lines += [_cell(verb.epilog).capitalize(), ""]
    return "\n".join(lines)


def _row(action: argparse.Action) -> Iterator[str]:
    if action.help == argparse.SUPPRESS or isinstance(action, argparse._HelpAction):
        return
    named = ", ".join(action.option_strings) or str(action.metavar or action.dest)
    value = "" if action.nargs == 0 or not action.option_strings else f" {action.metavar or ''}".rstrip()
    yield f"| `{_cell(named + value)}` | {_cell(action.help or '')} |"


def policy() -> str:
    """Every key with its place, type, default and meaning."""
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    lines = [
        "# Policy, from its schema",
        "",
        "Written from [policies/schema.json](../policies/schema.json);",
        "[the policy reference](../docs/policy.md) explains it.",
        "",
        "| key | type | default | meaning |",
        "|---|---|---|---|",
        *_keys(schema, ""),
        "",
    ]
    return "\n".join(lines)


def _keys(node: Mapping[str, Any], place: str) -> Iterator[str]:
    for name, value in node.get("properties", {}).items():
        at = f"{place}.{name}" if place else name
        default = f"`{_cell(json.dumps(value['default']))}`" if "default" in value else ""
        yield f"| `{at}` | {_cell(_type(value))} | {default} | {_cell(value.get('description', ''))} |"
        yield from _inside(value, at)


def _inside(value: Mapping[str, Any], at: str) -> Iterator[str]:
    yield from _keys(value, at)
    for other in (*value.get("anyOf", ()), *value.get("oneOf", ())):
        yield from _inside(other, at)
    if "items" in value:
        yield from _inside(value["items"], f"{at}[]")


def _type(value: Mapping[str, Any]) -> str:
    if "const" in value:
        return json.dumps(value["const"])
    if "enum" in value:
        return " or ".join(json.dumps(each) for each in value["enum"])
    if "anyOf" in value:
        return " or ".join(dict.fromkeys(_type(each) for each in value["anyOf"]))
    return str(value.get("type", ""))


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
