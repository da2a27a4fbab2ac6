"""What daemon and child say to each other: one JSON object a line, both ways. Values and text only."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from drainer.errors import Broken, DrainerError, Refused, Transient
from drainer.management import Failed, Json, Running, State, Succeeded

LONGEST_LINE = 32 << 20
"""A load balancer's description has grown to megabytes in the field; past this it is no answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """`error` None: `result` is what the verb returned."""

    number: int
    result: Any = None
    error: DrainerError | None = None


def write_call(number: int, verb: str, arguments: Json) -> bytes:
    return json.dumps({"n": number, "verb": verb, "args": arguments}).encode() + b"\n"


def read_call(line: bytes) -> tuple[int, str, Json]:
    """Raises ValueError for what no daemon of ours says."""
    match _loaded(line):
        case {"n": int(number), "verb": str(verb), "args": dict(arguments)}:
            return number, verb, arguments
        case other:
            raise ValueError(f"no call: {str(other)[:80]}")


def write_answer(answer: Answer) -> bytes:
    said: Json = {"n": answer.number}
    if answer.error is None:
        said["result"] = answer.result
    else:
        said["error"] = _error_json(answer.error)
    return json.dumps(said).encode() + b"\n"


def read_answer(line: bytes) -> Answer:
    """Raises ValueError for what no child of ours says."""
    match _loaded(line):
        case {"n": int(number), "error": dict(error)}:
            return Answer(number=number, error=_error(error))
        case {"n": int(number), "result": result}:
            return Answer(number=number, result=result)
        case other:
            raise ValueError(f"no answer: {str(other)[:80]}")


def state_json(state: State) -> Json:
    match state:
        case Running():
            return {"state": "running"}
        case Succeeded():
            return {"state": "succeeded"}
        case Failed(code=code, reason=reason):
            return {"state": "failed", "code": code, "reason": reason}


def read_state(said: Any) -> State:
    match said:
        case {"state": "succeeded"}:
            return Succeeded()
        case {"state": "failed", "code": str(code), "reason": str(reason)}:
            return Failed(code=code, reason=reason)
        case _:
            return Running()


def _error_json(error: DrainerError) -> Json:
    match error:
        case Transient(retry_after=later):
            seconds = None if later is None else later.total_seconds()
            return {"is": "transient", "kind": error.kind, "reason": error.reason, "retry_after_s": seconds}
        case Refused():
            return {"is": "refused", "kind": error.kind, "reason": error.reason}
        case _:
            return {"is": "broken", "kind": error.kind, "reason": error.reason}


def _error(said: Json) -> DrainerError:
    kind, reason = str(said.get("kind")), str(said.get("reason"))
    match said.get("is"):
        case "transient":
            return Transient(kind, reason, retry_after=_later(said.get("retry_after_s")))
        case "refused":
            return Refused(kind, reason)
        case _:
            return Broken(kind, reason)


def _later(seconds: object) -> timedelta | None:
    try:
        return timedelta(seconds=seconds) if isinstance(seconds, int | float) else None
    except (OverflowError, ValueError):  # longer than a timedelta, or no number
        return None


def _loaded(line: bytes) -> object:
    try:
        return json.loads(line)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
