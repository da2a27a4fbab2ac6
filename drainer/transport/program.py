"""Run somebody's program: no shell, a clean environment, bounded in time and output.

The program leads a process group of its own, which is killed when its time is up or the daemon stops.
It must not know what an exit code means.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from time import monotonic
from typing import IO

from drainer.machine import THIS

OUTPUT_LIMIT = 1 << 16
"""So many bytes of each stream are kept: the last ones."""

LOOK_EVERY_S = 0.05
KILLED_WITHIN_S = 2.0
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_held: dict[tuple[str, ...], subprocess.Popen[bytes]] = {}
"""Programs that were killed and do not end."""


class Ending(Enum):
    EXITED = "exited"
    TIMED_OUT = "timed out"
    STOPPED = "stopped"
    NOT_STARTED = "not started"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """How a run ended. `code` counts only where it exited; negative: killed by that signal."""

    ending: Ending
    code: int = 0
    output: str = ""
    errors: str = ""

    @property
    def last_words(self) -> str:
        """The last line that says something, of the errors first."""
        lines = [line.strip() for line in f"{self.output}\n{self.errors}".splitlines()]
        return next((line for line in reversed(lines) if line), "")


def never() -> bool:
    return False


def nothing() -> None:
    """Nobody wants to know that a program runs still."""


def environment(**facts: str) -> Mapping[str, str]:
    """PATH and LANG of this process, and the facts: nothing else is inherited."""
    return {"PATH": os.environ.get("PATH", PATH), "LANG": os.environ.get("LANG", "C.UTF-8"), **facts}


def run(
    command: tuple[str, ...],
    *,
    env: Mapping[str, str],
    timeout: timedelta,
    stopping: Callable[[], bool] = never,
    meanwhile: Callable[[], None] = nothing,
) -> Ran:
    """Run it to its end, or for `timeout`, or until `stopping`. `meanwhile` is called as long as it runs.

    Used by the deciding thread alone. As long as the kernel holds an earlier run, no other is begun.
    """
    if _is_held(command):
        return Ran(ending=Ending.TIMED_OUT, errors="an earlier run was killed and does not end")
    try:
        process = subprocess.Popen(
            command,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        return Ran(ending=Ending.NOT_STARTED, errors=str(error))
    try:
        deadline = monotonic() + timeout.total_seconds()
        return _watch(process, deadline=deadline, stopping=stopping, meanwhile=meanwhile)
    finally:
        if not _killed(process):
            _held[command] = process
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def _watch(
    process: subprocess.Popen[bytes],
    *,
    deadline: float,
    stopping: Callable[[], bool],
    meanwhile: Callable[[], None],
) -> Ran:
    output, errors = Tail(process.stdout), Tail(process.stderr)
    ending = None
    while ending is None:
        ending = _ending(process, deadline, stopping)
        meanwhile()
        output.read()
        errors.read()
    return Ran(
        ending=ending,
        code=process.returncode if ending is Ending.EXITED else 0,
        output=output.text,
        errors=errors.text,
    )


def _ending(process: subprocess.Popen[bytes], deadline: float, stopping: Callable[[], bool]) -> Ending | None:
    try:
        process.wait(LOOK_EVERY_S)
    except subprocess.TimeoutExpired:
        if stopping():
            return Ending.STOPPED
        return Ending.TIMED_OUT if monotonic() >= deadline else None
    return Ending.EXITED


class Tail:
    """The end of a stream. Nobody waits for it: a child that outlives its parent may hold it open."""

    def __init__(self, stream: IO[bytes] | None) -> None:
        assert stream is not None
        self._file = stream.fileno()
        self._kept = b""

    def read(self) -> None:
        """Take what is there now, at most a few hundred chunks: an endless writer must not hold us."""
        for _ in range(256):
            if not THIS.readable(self._file, 0):
                return
            chunk = os.read(self._file, OUTPUT_LIMIT)
            if not chunk:
                return
            self._kept = (self._kept + chunk)[-OUTPUT_LIMIT:]

    @property
    def text(self) -> str:
        return self._kept.decode(errors="replace")


def _killed(process: subprocess.Popen[bytes]) -> bool:
    """End the whole group where the program did not end by itself; what it left running on purpose stays.

    False: the kernel holds it, at a share that does not answer say, and it dies only when that answers.
    """
    if process.poll() is None:
        THIS.end(process.pid)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(KILLED_WITHIN_S)
    return process.returncode is not None


def _is_held(command: tuple[str, ...]) -> bool:
    if command in _held and _held[command].poll() is not None:
        del _held[command]
    return command in _held
