"""Any balancer at all, by programs of the operator's: one per verb, argument lists, no shell.

What they print and how they exit stands in docs/backends.md. It knows nothing of what they speak to.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from drainer.core.model import (
    Done,
    Entry,
    InFlight,
    Membership,
    Pending,
    Progress,
    Standing,
    Unmeasured,
    Work,
)
from drainer.errors import Broken, DrainerError, Refused, Transient
from drainer.ports import BackendKind, Surroundings
from drainer.transport import program

PENDING = 75
"""EX_TEMPFAIL of sysexits.h; 77 is EX_NOPERM, 78 EX_CONFIG."""


LONGEST_RUN = timedelta(minutes=1)
"""The deciding thread waits for a program: longer, and whoever watches the daemon takes it for dead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """`settles_in`: how long after a lost answer a write can still land. `undo`: for a person's hands."""

    membership: tuple[str, ...] = ()
    cordon: tuple[str, ...] = ()
    isolate: tuple[str, ...] = ()
    restore: tuple[str, ...] = ()
    in_flight: tuple[str, ...] = ()
    in_service_count: tuple[str, ...] = ()
    undo: str = ""
    timeout: timedelta = timedelta(seconds=5)
    settles_in: timedelta = timedelta(seconds=30)
    read_every: timedelta = timedelta(seconds=5)

    def __post_init__(self) -> None:
        for field in ("membership", "restore"):
            if not getattr(self, field):
                raise ValueError(f"{field}: expected a command as a list of arguments, got nothing")
        if not (self.cordon or self.isolate):
            raise ValueError("cordon: expected a command here or under isolate, got nothing")
        if not timedelta(0) < self.timeout <= LONGEST_RUN:
            expected = f"more than 0s and at most {LONGEST_RUN.total_seconds():g}s"
            raise ValueError(f"timeout: expected {expected}, got {self.timeout.total_seconds():g}s")
        for field in ("settles_in", "read_every"):
            if getattr(self, field) < timedelta(0):
                raise ValueError(f"{field}: expected 0s or more, got less")


class Command:
    """Entries are what `membership` prints; a verb is only run where some entry needs it."""

    name = "command"

    def __init__(self, options: Options, around: Surroundings) -> None:
        self._options = options
        self._around = around

    @property
    def cordons(self) -> bool:
        return bool(self._options.cordon)

    @property
    def isolates(self) -> bool:
        return bool(self._options.isolate)

    @property
    def read_every(self) -> timedelta:
        return self._options.read_every

    @property
    def settles_in(self) -> timedelta:
        return self._options.settles_in

    def membership(self) -> Membership:
        output = self._read(self._options.membership, "membership")
        try:
            return _membership(json.loads(output))
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise Transient("command-garbled", f"membership printed no membership: {error}") from error

    def in_flight(self) -> Work:
        """Without such a command this layer adds no count of its own."""
        if not self._options.in_flight:
            return InFlight(count=0)
        return InFlight(count=self._number(self._options.in_flight, "in_flight"))

    def cordon(self) -> Progress:
        """Where no command cordons softly, removal is the cordon."""
        taking = [e for e in self.membership().entries if e.standing is Standing.IN]
        if not self._options.cordon:
            return self._write(self._options.isolate, "isolate", taking)
        return self._write(self._options.cordon, "cordon", taking)

    def isolate(self, was: Membership) -> Progress:
        """The command is told the entries that took work before the cordon and are not isolated yet."""
        if not self._options.isolate:
            raise Refused("cannot-isolate", "this layer has no command to isolate")
        present = [entry for entry in self.membership().entries if not entry.isolated]
        ours = [entry for entry in present if entry.name in was.taking_work]
        return self._write(self._options.isolate, "isolate", ours)

    def restore(self, was: Membership) -> Progress:
        """The command is told the entries still to be given back, as they were read before the cordon."""
        present = {entry.name: entry for entry in self.membership().entries}
        if was.taking_work and not was.taking_work & present.keys():
            raise Refused("entry-gone", f"no longer there: {', '.join(sorted(was.taking_work))}")
        owed = [e for e in was.entries if e.name in was.taking_work & present.keys()]
        return self._write(self._options.restore, "restore", [e for e in owed if present[e.name] != e])

    def in_service_count(self) -> int | Unmeasured:
        if not self._options.in_service_count:
            return Unmeasured(reason="no command counts the other members")
        return self._number(self._options.in_service_count, "in_service_count")

    def undo(self) -> str:
        return self._options.undo or shlex.join(self._options.restore)

    def close(self) -> None:
        """Nothing is held."""

    def _write(self, command: tuple[str, ...], verb: str, entries: Iterable[Entry]) -> Progress:
        entries = tuple(entries)
        if not entries:
            return Done()
        ran = self._run(command, verb, entries)
        if ran.ending is program.Ending.EXITED and ran.code == PENDING:
            return Pending(reason=ran.last_words or f"{verb} is under way")
        self._check(ran, verb)
        return Done()

    def _read(self, command: tuple[str, ...], verb: str) -> str:
        ran = self._run(command, verb, ())
        self._check(ran, verb)
        return ran.output

    def _number(self, command: tuple[str, ...], verb: str) -> int:
        text = self._read(command, verb).strip()
        if not (text.isascii() and text.isdigit()):
            raise Transient("command-garbled", f"{verb} printed {text[:100]!r}, not a number")
        return int(text)

    def _run(self, command: tuple[str, ...], verb: str, entries: tuple[Entry, ...]) -> program.Ran:
        env = program.environment(
            DRAINER_VERB=verb,
            DRAINER_VM=self._around.vm_name(),
            DRAINER_ENTRIES="\n".join(entry.name for entry in entries),
            DRAINER_DETAILS=json.dumps({entry.name: entry.detail for entry in entries}),
        )
        timeout, meanwhile = self._options.timeout, self._around.meanwhile
        return program.run(command, env=env, timeout=timeout, meanwhile=meanwhile)

    def _check(self, ran: program.Ran, verb: str) -> None:
        """Raises what the ending means; a program that was killed may have acted."""
        if ran.ending is program.Ending.NOT_STARTED:
            raise Broken("command-missing", f"{verb}: {ran.errors}")
        if ran.ending is not program.Ending.EXITED:
            raise Transient("command-timeout", f"{verb}: {ran.ending.value} {ran.last_words}".rstrip())
        if ran.code != 0:
            raise _error(ran.code, f"{verb} exited {ran.code} {ran.last_words}".rstrip())


def _error(code: int, reason: str) -> DrainerError:
    match code:
        case 77:
            return Refused("command-refused", reason)
        case 78:
            return Broken("command-broken", reason)
        case _:
            return Transient("command-failed", reason)


def _membership(printed: object) -> Membership:
    """Raises ValueError, TypeError or KeyError where this is no membership."""
    match printed:
        case {"entries": list(entries), **rest} if not rest.keys() - {"generation"}:
            generation = rest.get("generation", "")
            if not isinstance(generation, str):
                raise ValueError(f"generation must be text, got {generation!r}")
            return Membership(entries=tuple(_entry(entry) for entry in entries), generation=generation)
        case _:
            raise ValueError('expected {"entries": […], "generation": "…"}')


def _entry(printed: Mapping[str, object]) -> Entry:
    match {"isolated": False, "detail": "", **printed}:
        case {
            "name": str(name),
            "standing": str(standing),
            "isolated": bool(isolated),
            "detail": str(detail),
            **others,
        } if name and not others:
            return Entry(name=name, standing=Standing(standing), isolated=isolated, detail=detail)
        case other:
            raise ValueError(f"no entry: {other!r}")


def build(options: Options, around: Surroundings) -> Command:
    return Command(options, around)


KIND = BackendKind(name="command", options=Options, build=build)
