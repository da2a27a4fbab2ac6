"""`drainer.management.Arm` for the daemon: a child process, asked over pipes and never waited for long.

Nothing of Azure is imported here. A call that is not answered soon raises "azure-slow" and is collected by
making it again; one that is not answered at all ends the child, and a write it had begun counts as lost.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from time import monotonic
from typing import IO, Any

from drainer.errors import DrainerError, Transient
from drainer.machine import THIS
from drainer.management import Json, Operation, State
from drainer.transport.azure.framing import LONGEST_LINE, Answer, read_answer, read_state, write_call
from drainer.transport.azure.settings import ArmSettings, environment
from drainer.transport.program import Tail

COMMAND = (sys.executable, "-P", "-m", "drainer.transport.azure.child")
PATIENCE_S = 1.5
"""How long one call holds the deciding thread."""

LONGEST_S = 20.0
"""A call without an answer for so long is given up, with the child."""

CHUNK = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    number: int
    verb: str
    key: str
    since: float

    @property
    def writes(self) -> bool:
        return self.verb == "put"


class ChildArm:
    """Lives in the deciding thread alone."""

    def __init__(
        self,
        settings: ArmSettings,
        *,
        command: tuple[str, ...] = COMMAND,
        patience_s: float = PATIENCE_S,
        longest_s: float = LONGEST_S,
    ) -> None:
        self._settings = settings
        self._command = command
        self._patience_s, self._longest_s = patience_s, longest_s
        self._process: subprocess.Popen[bytes] | None = None
        self._errors: Tail | None = None
        self._lives = 0
        self._number = 0
        self._asked: _Call | None = None
        self._kept: dict[str, Answer] = {}
        self._read = bytearray()

    # --- verbs ---

    def instance(self) -> Json:
        return _object(self._call("instance", {}))

    def get(self, resource_id: str) -> Json:
        return _object(self._call("get", {"id": resource_id}))

    def begin_put(self, resource_id: str, body: Json, *, if_match: str = "") -> Operation:
        key = self._call("put", {"id": resource_id, "body": body, "if_match": if_match})
        return Operation(key=f"{self._lives}.{key}", resource_id=resource_id)

    def operation(self, operation: Operation) -> State:
        life, _, key = operation.key.partition(".")
        known = key if life == str(self._lives) else ""  # a child that is gone took its operations with it
        return read_state(self._call("operation", {"key": known, "id": operation.resource_id}))

    def rest(self) -> None:
        self._end()
        self._kept.clear()

    def close(self) -> None:
        self.rest()

    # --- one call at a time ---

    def _call(self, verb: str, arguments: Json) -> Any:
        key = f"{verb} {json.dumps(arguments, sort_keys=True)}"
        if key in self._kept:
            return _unwrapped(self._kept.pop(key))
        if self._asked is not None and self._asked.key != key:
            self._finish_other()
        if self._asked is None:
            self._send(verb, key, arguments)
        answer = self._awaited()
        if answer is None:
            raise Transient("azure-slow", "the management API has not answered yet")
        return _unwrapped(answer)

    def _finish_other(self) -> None:
        """Another call is unanswered: wait for it. The answer to a write is kept for whoever asks again."""
        other = self._asked
        assert other is not None
        answer = self._awaited()
        if answer is None:
            raise Transient("azure-slow", "the management API has not answered an earlier call yet")
        if other.writes:
            self._kept[other.key] = answer

    def _send(self, verb: str, key: str, arguments: Json) -> None:
        self._start()
        assert self._process is not None
        assert self._process.stdin is not None
        self._number += 1
        self._asked = _Call(number=self._number, verb=verb, key=key, since=monotonic())
        try:
            self._process.stdin.write(write_call(self._number, verb, arguments))
            self._process.stdin.flush()
        except OSError as error:
            raise self._died(f"the child could not be told: {error}") from error

    def _awaited(self) -> Answer | None:
        """The answer to what is asked, or None once patience ends. Raises where the child is given up."""
        asked = self._asked
        assert asked is not None
        deadline = min(monotonic() + self._patience_s, asked.since + self._longest_s)
        while True:
            answer = self._next_answer(deadline)
            if answer is None:
                break
            if answer.number == asked.number:
                self._asked = None
                return answer
        if monotonic() >= asked.since + self._longest_s:
            raise self._died(f"no answer within {self._longest_s:g} s")
        return None

    def _next_answer(self, deadline: float) -> Answer | None:
        while b"\n" not in self._read:
            if not self._more(deadline):
                return None
            if len(self._read) > LONGEST_LINE:
                raise self._died("the answer is too large")
        line, _, rest = bytes(self._read).partition(b"\n")
        self._read = bytearray(rest)
        try:
            return read_answer(line)
        except ValueError as error:
            raise self._died(f"the child said something else: {error}") from error

    def _more(self, deadline: float) -> bool:
        """Whether more has come before the deadline. Raises where nothing more can come."""
        assert self._process is not None
        output = self._process.stdout
        assert output is not None
        if not THIS.readable(output.fileno(), max(0.0, deadline - monotonic())):
            return False
        if self._errors is not None:
            self._errors.read()
        chunk = os.read(output.fileno(), CHUNK)
        if not chunk:
            raise self._died("the child ended")
        self._read += chunk
        return True

    # --- the child ---

    def _start(self) -> None:
        if self._process is not None and self._process.poll() is None:
            return
        self._end()
        self._lives += 1
        try:
            self._process = subprocess.Popen(
                self._command,
                env=environment(self._settings),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            raise Transient("azure-unreachable", f"the child was not started: {error}") from error
        self._errors = Tail(self._process.stderr)

    def _died(self, why: str) -> DrainerError:
        """End the child; what its end means for the call that was under way."""
        asked, said = self._asked, self._last_words()
        self._end()
        told = f"{why}; {said}" if said else why
        if asked is not None and asked.writes:
            return Transient("azure-lost", f"a write without an answer; it may have been done ({told})")
        return Transient("azure-unreachable", f"the child that asks the management API: {told}")

    def _last_words(self) -> str:
        if self._errors is None:
            return ""
        self._errors.read()
        lines = [line.strip() for line in self._errors.text.splitlines() if line.strip()]
        return lines[-1][:200] if lines else ""

    def _end(self) -> None:
        process, self._process = self._process, None
        self._asked, self._errors, self._read = None, None, bytearray()
        if process is None:
            return
        THIS.end(process.pid)
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            _closed(stream)


def _closed(stream: IO[bytes] | None) -> None:
    if stream is not None:
        with contextlib.suppress(OSError):
            stream.close()


def _unwrapped(answer: Answer) -> Any:
    if answer.error is not None:
        raise answer.error
    return answer.result


def _object(found: Any) -> Json:
    if not isinstance(found, dict):
        raise Transient("azure-unreachable", "the answer is no JSON object")
    return found


__all__ = ["ArmSettings", "ChildArm"]
