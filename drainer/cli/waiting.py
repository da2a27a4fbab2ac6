"""`drain --wait`: ask the daemon until the drain is proven, or cannot be any more."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from time import monotonic
from typing import Any

from drainer.cli import exits
from drainer.control.client import ask
from drainer.errors import Transient

Json = dict[str, Any]

LOOK_EVERY_S = 0.25
PATIENCE_S = 30.0
"""How long a daemon may be away (it restarts, is upgraded), or not have taken the wish up."""


class Drain(Enum):
    """How the drain stands."""

    COMING = "coming"
    PROVEN = "proven"
    UNPROVEN = "unproven"


def wait_for_drain(path: Path, *, pause: Callable[[float], object] | None = None) -> int:
    """0: proven; 1: ended, or past its deadline, without proof. Raises Transient: no daemon for 30 s."""
    rest = pause or threading.Event().wait
    said, taken_up, heard_at = "", False, monotonic()
    while True:
        status = _status(path, patient=monotonic() - heard_at < PATIENCE_S)
        if status is not None:
            wished = status["wishes"]["drain"] is not None
            heard_at = monotonic() if wished else heard_at
            taken_up = taken_up or wished
            late = monotonic() - heard_at >= PATIENCE_S
            said = _tell(_sentence(status), said)
            match standing(status, ended=not wished and (taken_up or late)):
                case Drain.PROVEN:
                    _tell("drained, and proven", said)
                    return exits.OK
                case Drain.UNPROVEN:
                    _tell(f"not proven: {_why(status)}", said)
                    return exits.FAILED
                case Drain.COMING:
                    pass
        rest(LOOK_EVERY_S)


def _status(path: Path, *, patient: bool) -> Json | None:
    """None: nobody answers just now."""
    try:
        status: Json = ask(path, "status")["status"]
    except Transient:
        if not patient:
            raise
        return None
    return status


def standing(status: Json, *, ended: bool) -> Drain:
    """By one status. Past the deadline only what still moves is waited for (a removal under way)."""
    if ended:
        return Drain.UNPROVEN
    episode = status["episode"]
    if episode is None or "operator-drain" not in episode["notices"] or episode["quiet_since"]:
        return Drain.COMING
    if episode["proven"]:
        return Drain.PROVEN
    over = episode["past_deadline"] and status["phase"] == "drained" and status["step"] == "wait"
    return Drain.UNPROVEN if over or episode["yielded"] else Drain.COMING


def _why(status: Json) -> str:
    if status["wishes"]["drain"] is None:
        return "the drain was ended before it was proven"
    if status["episode"]["yielded"]:
        return "somebody put this VM back twice; `drainer resume` takes it out again"
    flight = status["in_flight"]
    left = flight["reason"] if flight["count"] is None else f"{flight['count']} in flight"
    return f"the drain timeout is over ({left})"


def _sentence(status: Json) -> str:
    count = status["in_flight"]["count"]
    flying = f", {count} in flight" if count else ""
    return f"{status['phase']}: {status['reason']}{flying}"


def _tell(sentence: str, said: str) -> str:
    if sentence != said:
        print(sentence, file=sys.stderr, flush=True)
    return sentence
