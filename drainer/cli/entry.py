"""From arguments to an exit code: parse, run the verb, translate what it raised."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from drainer.cli import examining, exits, looking, running, wishing
from drainer.errors import DrainerError, PolicyInvalid, Transient
from drainer.settings import SettingInvalid

ABOUT = "Takes this VM out of its load balancer before a maintenance, and puts it back when it is healthy."
AFTER = (
    "drainer VERB --help says more, with an example. Flags that are settings have variables: DRAINER_STATE."
)
PASSED_ON = ("probe", "demo")
"""Verbs that read their own arguments."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; its exit code. Never raises but for a bug."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        return _run(arguments)
    except SystemExit as asked:  # argparse ends so, after help and after wrong usage
        return asked.code if isinstance(asked.code, int) else exits.USAGE
    except BrokenPipeError:
        _forget_stdout()
        return exits.FAILED
    except KeyboardInterrupt:
        return exits.INTERRUPTED
    except SettingInvalid as error:
        return _told(str(error), exits.USAGE)
    except PolicyInvalid as error:
        return _told(error.reason, exits.CONFIGURATION, prefix="")
    except Transient as error:
        return _told(error.reason, exits.NO_DAEMON if error.kind == "no-daemon" else exits.FAILED)
    except DrainerError as error:
        return _told(error.reason, exits.FAILED)


def _run(arguments: list[str]) -> int:
    if arguments and arguments[0] in PASSED_ON:
        return running.passed_on(arguments[0], arguments[1:])
    parsed = parser().parse_args(arguments)
    code: int = parsed.run(parsed)
    sys.stdout.flush()
    return code


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    whole = argparse.ArgumentParser(prog="drainer", description=ABOUT, epilog=AFTER, allow_abbrev=False)
    verbs = whole.add_subparsers(title="verbs", required=True, metavar="VERB")
    running.add(verbs)
    looking.add(verbs)
    wishing.add(verbs)
    examining.add(verbs)
    running.add_rest(verbs)
    return whole


def _told(reason: str, code: int, *, prefix: str = "drainer: ") -> int:
    print(f"{prefix}{reason}", file=sys.stderr)
    return code


def _forget_stdout() -> None:
    """Whoever read our output went away; the interpreter must not fail on flushing the rest."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
