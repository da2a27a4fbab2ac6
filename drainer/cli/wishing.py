"""Verbs by which an operator tells the daemon what is wanted. Each is journalled before it is granted."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from typing import Any

from drainer.cli import exits
from drainer.cli.flags import JSON, MANAGING, READING, Verbs, add_flag, add_verb, settings_of, wants_json
from drainer.cli.times import instant
from drainer.settings import SettingInvalid

TIME = "TIME"
LONGEST_REASON = 500


def add(verbs: Verbs) -> None:
    """Add hold, skip, force, drain, restore, resume and adopt."""
    held = _wish(
        verbs,
        "hold",
        hold,
        about="take nothing out and give nothing back until TIME",
        example="drainer hold --until 2h",
    )
    held.add_argument("--until", required=True, metavar=TIME, help="RFC 3339, or a duration such as 30m")
    skipped = _wish(
        verbs,
        "skip",
        skip,
        about="leave the notice EVENT alone until it vanishes",
        example="drainer skip 602d9444-d2cd-49c7-8624-8643e7171297",
    )
    skipped.add_argument("event", metavar="EVENT", help="its id, as `drainer status` lists it")
    _wish(
        verbs,
        "force",
        force,
        about="wait no longer for the fleet's budget, soft gates or hooks, for what is announced now",
        example="drainer force",
    )
    _add_drain(verbs)
    _add_restore(verbs)
    _add_resume(verbs)
    _wish(
        verbs,
        "adopt",
        adopt,
        about="take this VM's present absence as our own, and give everything back (after a lost journal)",
        example="drainer adopt",
    )


def _wish(
    verbs: Verbs, name: str, run: Any, *, about: str, example: str, flags: tuple[str, ...] = ()
) -> argparse.ArgumentParser:
    """`flags`: beside the socket."""
    parser = add_verb(verbs, name, run, about=about, example=example, flags=("socket", *flags))
    add_flag(parser, JSON)
    return parser


def _add_drain(verbs: Verbs) -> None:
    drained = _wish(
        verbs,
        "drain",
        drain,
        about="take this VM out now, until TIME, `drainer restore` or the next boot",
        example='drainer drain --reason "kernel update" --wait && reboot',
    )
    drained.add_argument("--reason", required=True, metavar="TEXT", help="why, for those who look later")
    drained.add_argument("--until", metavar=TIME, help="RFC 3339, or a duration such as 30m")
    drained.add_argument(
        "--wait",
        action="store_true",
        help="return when the drain is proven (0), or when it ended without proof (1)",
    )


def _add_restore(verbs: Verbs) -> None:
    restored = _wish(
        verbs,
        "restore",
        restore,
        about="skip every notice present, and give back what was taken once it is healthy and no hold stands",
        example="drainer restore            (daemon dead: drainer restore --offline)",
        flags=("state", "policy", *READING, *MANAGING, "boot-id"),
    )
    restored.add_argument(
        "--offline",
        action="store_true",
        help="with the daemon dead: give back what the journal in --state says was taken; waits two minutes",
    )


def _add_resume(verbs: Verbs) -> None:
    resumed = _wish(
        verbs,
        "resume",
        resume,
        about="end a hold, a yield, and a hook's abort",
        example="drainer resume             (daemon dead: drainer resume --offline)",
        flags=("state", "boot-id"),
    )
    resumed.add_argument(
        "--offline", action="store_true", help="with the daemon dead: by the journal in --state"
    )


# --- verbs ----------------------------------------------------------------------------------------


def hold(parsed: argparse.Namespace) -> int:
    until = _until(parsed.until)
    return _ask(parsed, "hold", f"held until {until}: nothing is taken out or given back", until=until)


def skip(parsed: argparse.Namespace) -> int:
    return _ask(
        parsed, "skip", f"{parsed.event} is left alone until it vanishes", event_id=parsed.event.strip()
    )


def force(parsed: argparse.Namespace) -> int:
    return _ask(parsed, "force", "forced: budget, soft gates and hooks are no longer waited for")


def resume(parsed: argparse.Namespace) -> int:
    if parsed.offline:
        return _offline("resume_offline", parsed)
    return _ask(parsed, "resume", "resumed: no hold, yield or abort stands any more")


def adopt(parsed: argparse.Namespace) -> int:
    return _ask(parsed, "adopt", "adopted: everything in this VM's layers is given back once it is healthy")


def restore(parsed: argparse.Namespace) -> int:
    if not parsed.offline:
        return _ask(
            parsed,
            "restore",
            "every notice present is skipped; what was taken is given back once the deep check passes and no"
            " hold stands",
        )
    return _offline("restore_offline", parsed)


def _offline(verb: str, parsed: argparse.Namespace) -> int:
    """By the journal, with no daemon. Raises SettingInvalid where JSON is asked for: there is none."""
    settings = settings_of(parsed)
    if parsed.json:
        raise SettingInvalid("--json: expected a daemon that answers, got --offline, which has no JSON")
    code: int = getattr(import_module("drainer.offline"), verb)(settings)
    return code


def drain(parsed: argparse.Namespace) -> int:
    reason = parsed.reason.strip()
    if not reason or len(reason) > LONGEST_REASON or not reason.isprintable():
        raise SettingInvalid(
            f"--reason: expected 1 to {LONGEST_REASON} printable characters, got {reason[:40]!r}"
        )
    given = {} if parsed.until is None else {"until": _until(parsed.until)}
    ends = f"until {given['until']}" if given else "until `drainer restore` or the next boot"
    code = _ask(parsed, "drain", f"draining {ends}", reason=reason, **given)
    if not parsed.wait:
        return code
    from drainer.cli.waiting import wait_for_drain

    return wait_for_drain(settings_of(parsed).socket)


def _until(text: str) -> str:
    from drainer.clock import SystemClock
    from drainer.core.codec import encode

    return str(encode(instant(text, called="--until", now=SystemClock().now().wall)))


def _ask(parsed: argparse.Namespace, verb: str, granted: str, **fields: str) -> int:
    """Hand the wish in, and say what comes of it."""
    settings, as_json = settings_of(parsed), wants_json(parsed)
    from drainer.control.client import ask

    answer = ask(settings.socket, verb, **fields)
    if as_json:
        import json

        print(json.dumps(answer), flush=True)
        return exits.OK
    status = answer["status"]
    print(f"{granted} (phase {status['phase']}: {status['reason']})", file=sys.stderr, flush=True)
    return exits.OK
