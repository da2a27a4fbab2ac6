"""Flags that are settings, as arguments of a verb, and back into settings."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from typing import Any

from drainer.settings import FLAGS, Flag, Settings, resolve, switch, value_of

Verbs = Any
"""What argparse's add_subparsers returns: it has no public name."""

Verb = Callable[[argparse.Namespace], int]

READING = ("metadata-url", "source", "vm-name")
MANAGING = ("management-url", "management-ca", "identity")
JOURNALED = ("state", "socket")
JSON = Flag(name="json", metavar="", read=switch, help="print JSON with a stable schema")


def add_verb(
    verbs: Verbs, name: str, run: Verb, *, about: str, example: str, flags: tuple[str, ...] = ()
) -> argparse.ArgumentParser:
    """A verb with its settings; `example` ends its help."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        name,
        help=about,
        description=f"{about[0].upper()}{about[1:]}.",
        epilog=f"example: {example}",
        allow_abbrev=False,
    )
    parser.set_defaults(run=run)
    for flag in flags:
        add_flag(parser, FLAGS[flag])
    return parser


def add_flag(parser: argparse.ArgumentParser, flag: Flag) -> None:
    """One flag as text; it is read later, so that its variable is read the same way."""
    if not flag.metavar:
        parser.add_argument(flag.option, dest=flag.field, action="store_true", default=None, help=flag.help)
        return
    parser.add_argument(flag.option, dest=flag.field, metavar=flag.metavar, help=flag.help)


def settings_of(parsed: argparse.Namespace) -> Settings:
    """The settings that these arguments and the environment come to. Raises SettingInvalid."""
    return resolve(vars(parsed), os.environ)


def wants_json(parsed: argparse.Namespace) -> bool:
    """Whether `--json` or its variable asks for JSON. Raises SettingInvalid."""
    stated = value_of(JSON, parsed.json, os.environ)
    return stated is not None and bool(stated[0])
