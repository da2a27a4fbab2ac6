"""Verbs that run something: the daemon, one look, a check of a policy, the probe unit, the demo."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from drainer.cli import exits
from drainer.cli.flags import JSON, MANAGING, READING, Verbs, add_flag, add_verb, settings_of, wants_json

RUN = (*READING, *MANAGING, "policy", "state", "socket", "control-group", "local", "dry-run", "boot-id")
ONCE = (*READING, "policy", "dry-run")


def add(verbs: Verbs) -> None:
    """Add `run`, `once` and `check`."""
    add_verb(
        verbs,
        "run",
        run,
        about="watch this VM's notices, and drain and restore it as the policy says",
        example="drainer run --policy /etc/drainer/policy.yaml --control-group ops",
        flags=RUN,
    )
    look = add_verb(
        verbs,
        "once",
        once,
        about="look once: 0 nothing is pending for this VM, 10 a notice is, 75 could not read",
        example="drainer once --json",
        flags=ONCE,
    )
    add_flag(look, JSON)
    look.add_argument(
        "--record",
        nargs="?",
        const="always",
        choices=("always", "on-change"),
        help="log also that nothing is pending, or that it could not be read: each time, or only what is new",
    )
    checked = add_verb(
        verbs,
        "check",
        check,
        about="read a policy, list every problem in it, and print what it comes to",
        example="drainer check /etc/drainer/policy.yaml",
    )
    add_flag(checked, JSON)
    checked.add_argument("file", type=Path, nargs="+", metavar="FILE", help="a policy to check")


def add_rest(verbs: Verbs) -> None:
    """Add the verbs that stand last in the help."""
    verbs.add_parser("probe", help="answer a balancer's prober from the marker (a unit of its own)")
    verbs.add_parser("demo", help="reboot three VMs under live traffic, with and without the sidecar")
    add_verb(verbs, "version", version, about="print the version", example="drainer version")


def run(parsed: argparse.Namespace) -> int:
    settings = settings_of(parsed)
    from drainer import daemon

    return daemon.run(settings)


def once(parsed: argparse.Namespace) -> int:
    settings, as_json = settings_of(parsed), wants_json(parsed)
    from drainer.once import main as look

    return look(settings, json=as_json, record=parsed.record)


def check(parsed: argparse.Namespace) -> int:
    style = "json" if wants_json(parsed) else "text"
    from drainer.policyfile.check import Style
    from drainer.policyfile.check import check as checked
    from drainer.wiring import backend_kinds

    return checked(parsed.file, backends=backend_kinds(), out=sys.stdout, err=sys.stderr, style=Style(style))


def passed_on(verb: str, arguments: Sequence[str]) -> int:
    """`probe` and `demo` read their own arguments."""
    if verb == "probe":
        from drainer.probe import main as probe

        return probe(arguments)
    if find_spec("drainer.demo") is None:
        print("drainer: this build has no demo: pip install 'drainer[demo]'", file=sys.stderr)
        return exits.FAILED
    from drainer.demo import lacking

    if lacks := lacking():
        named = ", ".join(lacks)
        print(
            f"drainer: the demo needs what is not installed ({named}): pip install 'drainer[demo]'",
            file=sys.stderr,
        )
        return exits.FAILED
    code: int = import_module("drainer.demo.main").main(arguments)
    return code


def version(parsed: argparse.Namespace) -> int:
    from importlib.metadata import version as installed

    print(f"drainer {installed('drainer')}")
    return exits.OK
