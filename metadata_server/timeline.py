"""What every VM sees at an instant, computed from the commands given before it.

`timeline(scenario, commands, now)` is a pure fold: no timers, no I/O, no memory. It knows time and
approvals only; whether a VM is drained never reaches it. Commands that do not apply (an id that is gone)
change nothing, so that any log replays.

Invariant: the incarnation of a scope grows exactly when what its VMs can see changes; two changes at
one instant count twice only if a reader could have come between them.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import assert_never

from metadata_server.commands import (
    Advance,
    Approve,
    Cancel,
    Change,
    Command,
    Complete,
    EndFault,
    EventCommand,
    Fail,
    Join,
    Leave,
    Reset,
    Schedule,
    SetFault,
    SetSwitch,
    Silence,
    Start,
    SurroundingsCommand,
    Unsilence,
)
from metadata_server.event import Event, Outcome
from metadata_server.faults import Fault
from metadata_server.scenario import Scenario
from metadata_server.switches import Switches


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What the VMs of one scope read: `changes` counts from 0, the wire adds where the count begins."""

    changes: int
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """The scenario at the instant `now`."""

    now: datetime
    scopes: Mapping[str, str]
    switches: Switches
    events: tuple[Event, ...] = ()
    past: tuple[Event, ...] = ()
    changes: Mapping[str, int] = field(default_factory=dict)
    faults: Mapping[str, tuple[Fault, ...]] = field(default_factory=dict)
    silent: frozenset[str] = frozenset()
    left: frozenset[tuple[str, str]] = frozenset()

    def document(self, vm: str) -> Document:
        """What `vm` sees: the events of its scope, in the order they were announced."""
        scope = self.scopes.get(vm, vm)
        return Document(changes=self.changes.get(scope, 0), events=self._of(scope))

    def find(self, event_id: str) -> Event | None:
        """The event of that id, gone ones included; None if there never was one."""
        wanted = event_id.upper()
        return next((event for event in (*self.events, *self.past) if event.id == wanted), None)

    def _of(self, scope: str) -> tuple[Event, ...]:
        return tuple(event for event in self.events if event.scope == scope)


def timeline(scenario: Scenario, commands: Iterable[Command], now: datetime) -> Timeline:
    """The scenario at `now`, or at its last command if that is later."""
    state = begin(scenario)
    for command in commands:
        state = apply(state, command)
    return elapse(state, now)


def begin(scenario: Scenario) -> Timeline:
    """The scenario before its first command."""
    return Timeline(now=scenario.started_at, scopes=scenario.scopes, switches=scenario.switches)


def elapse(state: Timeline, until: datetime) -> Timeline:
    """The same scenario at `until`; a time in the past changes nothing."""
    while True:
        due = min((event.next_at for event in state.events if event.next_at is not None), default=None)
        if due is None or due > until:
            return replace(state, now=max(until, state.now))
        state = _changed(state, partial(Event.at, instant=due), at=due)


def apply(state: Timeline, command: Command) -> Timeline:
    """The scenario after `command`, which happens at its own instant, or at `state.now` if that is later."""
    return _effect(elapse(state, command.at), command)


def _effect(state: Timeline, command: Command) -> Timeline:
    match command:
        case Advance(by=by):
            return elapse(state, state.now + by)
        case Reset(scope=scope):
            return replace(state, changes={**state.changes, scope: 0})
        case SetSwitch(name=name, value=value):
            return replace(state, switches=state.switches.changed(name, value))
        case SetFault() | EndFault() | Silence() | Unsilence() | Leave() | Join():
            return _around(state, command)
        case _:
            return _to_events(state, command)


def _to_events(state: Timeline, command: EventCommand) -> Timeline:
    now = state.now
    match command:
        case Schedule() | Fail():
            return _announced(state, Event.announced(command, scope=_scope(state, command.vms[0]), at=now))
        case Change(id=id):
            return _on(state, id, lambda event: event.changed(command))
        case Start(id=id):
            return _on(state, id, lambda event: event.started(now))
        case Complete(id=id):
            return _on(state, id, lambda event: event.ended(now, Outcome.COMPLETED))
        case Cancel(id=id):
            return _on(state, id, lambda event: event.ended(now, Outcome.CANCELLED))
        case Approve(id=id, vm=vm):
            delay = state.switches.approval_delay
            return _on(state, id, lambda event: event.approved(by=vm, starts_at=now + delay))
        case _:
            assert_never(command)


def _around(state: Timeline, command: SurroundingsCommand) -> Timeline:
    match command:
        case SetFault(vm=vm, fault=fault):
            others = tuple(old for old in state.faults.get(vm, ()) if old.kind != fault.kind)
            return replace(state, faults={**state.faults, vm: (*others, fault)})
        case EndFault(vm=vm):
            return replace(state, faults={name: kept for name, kept in state.faults.items() if name != vm})
        case Silence(vm=vm):
            return replace(state, silent=state.silent | {vm})
        case Unsilence(vm=vm):
            return replace(state, silent=state.silent - {vm})
        case Leave(pool=pool, vm=vm):
            return replace(state, left=state.left | {(pool, vm)})
        case Join(pool=pool, vm=vm):
            return replace(state, left=state.left - {(pool, vm)})
        case _:
            assert_never(command)


def _scope(state: Timeline, vm: str) -> str:
    return state.scopes.get(vm, vm)


def _announced(state: Timeline, event: Event) -> Timeline:
    if state.find(event.id) is not None:
        return state
    return _counted(replace(state, events=(*state.events, event)), before=state)


def _on(state: Timeline, event_id: str, change: Callable[[Event], Event]) -> Timeline:
    return _changed(state, lambda event: change(event) if event.id == event_id else event, at=state.now)


def _changed(state: Timeline, change: Callable[[Event], Event], *, at: datetime) -> Timeline:
    changed = tuple(change(event) for event in state.events)
    live = tuple(event for event in changed if event.outcome is None)
    gone = tuple(event for event in changed if event.outcome is not None)
    after = replace(state, now=max(at, state.now), events=live, past=state.past + gone)
    return _counted(after, before=state)


def _counted(after: Timeline, *, before: Timeline) -> Timeline:
    seen, sees = _visible(before), _visible(after)
    touched = [scope for scope in {**seen, **sees} if seen.get(scope) != sees.get(scope)]
    counts = {scope: before.changes.get(scope, 0) + 1 for scope in touched}
    return replace(after, changes={**before.changes, **counts})


def _visible(state: Timeline) -> dict[str, list[tuple[object, ...]]]:
    shown: dict[str, list[tuple[object, ...]]] = {}
    for event in state.events:
        shown.setdefault(event.scope, []).append(event.visible)
    return shown
