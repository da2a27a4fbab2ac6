"""From arguments to an exit code: parse, run the verb, translate what it raised."""

from __future__ import annotations

import argparse
import contextlib
import errno
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
UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)
PASSED_ON = ("probe", "demo")
"""Verbs that read their own arguments."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; its exit code. Never raises but for a bug."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    _fill_closed_streams()
    try:
        return _run(arguments)
    except SystemExit as asked:  # argparse ends so, after help and after wrong usage
        return asked.code if isinstance(asked.code, int) else exits.USAGE
    except BrokenPipeError:
        _forget_stdout()
        return exits.FAILED
    except OSError as error:
        if error.errno not in UNWRITABLE or error.filename is not None:
            raise
        _forget_stdout()
        return _told(f"the output cannot be written: {error.strerror}", exits.FAILED)
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
    from drainer.cli.tables import plain

    print("\n".join(map(plain, f"{prefix}{reason}".split("\n"))), file=sys.stderr)
    return code


def _fill_closed_streams() -> None:
    """A stream that was closed before we began is none at all, and its number would be our next file's."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115  for life


def _forget_stdout() -> None:
    """Nobody takes our output; the interpreter must not fail on flushing the rest."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
