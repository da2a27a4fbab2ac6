"""Hooks: the policy's programs of a stage, run in order, and what they answer.

An exit code is the answer: 0 go, 10 wait, 20 abort; all else is a failure. A hook runs at least once per
stage, so it may run again. It knows nothing of what an answer leads to.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from drainer.core.model import Abort, Go, HookAnswer, HookWait, Instant, Stage, elapsed, later
from drainer.core.policy import Hook
from drainer.errors import Transient
from drainer.ports import Clock, HookCall
from drainer.transport import program

ASK_AGAIN = timedelta(seconds=10)
SOONEST = timedelta(seconds=1)
LATEST = timedelta(days=1)
"""No hook is waited for longer at a time, whatever it says: what it prints may be no time at all."""

KEPT = 4096
"""Bytes of a hook's output that are kept: the last ones."""

UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True, slots=True, kw_only=True)
class HookRan:
    """One run, for the log. `ending` is "exited 10", "timed out", …; `output`: its last 4 KiB."""

    stage: Stage
    command: tuple[str, ...]
    ending: str
    output: str


def unheard(ran: HookRan) -> None:
    """Nobody listens."""


class HookRunner:
    """`report` is told of every run, also of one that failed; `meanwhile` is called as long as one runs."""

    def __init__(
        self,
        hooks: tuple[Hook, ...],
        clock: Clock,
        *,
        report: Callable[[HookRan], None] = unheard,
        meanwhile: Callable[[], None] = program.nothing,
    ) -> None:
        self._hooks = hooks
        self._clock = clock
        self._report = report
        self._meanwhile = meanwhile

    def run(self, call: HookCall, *, timeout: timedelta, stopping: Callable[[], bool]) -> HookAnswer:
        """The first answer that is not Go, within `timeout` for all of them together.

        Raises Transient kind "hook-failed", or "hook-stopped" where the daemon stops: it says nothing
        about the hook.
        """
        began = self._clock.now()
        for hook in self._hooks:
            if hook.stage is not call.stage:
                continue
            left = timeout - elapsed(began, self._clock.now())
            if left <= timedelta(0):
                raise Transient("hook-failed", f"{hook.command[0]}: no time was left for it")
            answer = self._run(hook, call, timeout=min(hook.timeout, left), stopping=stopping)
            if not isinstance(answer, Go):
                return answer
        return Go()

    def _run(
        self, hook: Hook, call: HookCall, *, timeout: timedelta, stopping: Callable[[], bool]
    ) -> HookAnswer:
        ran = program.run(
            hook.command,
            env=_environment(call),
            timeout=timeout,
            stopping=stopping,
            meanwhile=self._meanwhile,
        )
        ending = f"exited {ran.code}" if ran.ending is program.Ending.EXITED else ran.ending.value
        output = f"{ran.errors}{ran.output}".encode()[-KEPT:].decode(errors="replace")
        self._report(HookRan(stage=hook.stage, command=hook.command, ending=ending, output=output))
        match ran.ending, ran.code:
            case program.Ending.EXITED, 0:
                return Go()
            case program.Ending.EXITED, 10:
                return _wait(ran.last_words, self._clock.now())
            case program.Ending.EXITED, 20:
                return Abort(reason=ran.last_words)
            case program.Ending.STOPPED, _:
                raise Transient("hook-stopped", f"{hook.command[0]}: the daemon is stopping")
            case _:
                raise Transient("hook-failed", f"{hook.command[0]} {ending}: {output.strip()}")


def _environment(call: HookCall) -> Mapping[str, str]:
    return program.environment(
        DRAINER_STAGE=call.stage.value,
        DRAINER_EPISODE=call.episode,
        DRAINER_VM=call.vm,
        DRAINER_EVENT_IDS=" ".join(call.event_ids),
        DRAINER_EVENT_TYPES=" ".join(call.event_types),
        DRAINER_NOT_BEFORE=call.not_before,
        DRAINER_DRY_RUN="1" if call.dry_run else "0",
    )


def _wait(last_line: str, now: Instant) -> HookWait:
    """`until=RFC3339` or `for=30s` on the last line; without one, ask again in ten seconds."""
    asked = min(max(SOONEST, _asked_for(last_line, now)), LATEST)
    return HookWait(retry_at=later(now, asked), reason=last_line)


def _asked_for(line: str, now: Instant) -> timedelta:
    if found := re.search(r"\bfor=(\d+(?:\.\d+)?)(ms|s|m|h|d)\b", line):
        return timedelta(seconds=min(float(found[1]) * UNITS[found[2]], LATEST.total_seconds()))
    if found := re.search(r"\buntil=(\S+)", line):
        return _until(found[1], now)
    return ASK_AGAIN


def _until(text: str, now: Instant) -> timedelta:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return ASK_AGAIN
    return (at if at.tzinfo else at.replace(tzinfo=UTC)) - now.wall
