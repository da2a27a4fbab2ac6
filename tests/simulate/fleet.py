"""What simulated VMs share: the platform's clock and its events, pools, the budget, the approvals' board.

The platform may carry its events out by itself: start them at their time or once told to, reboot, end them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime

from drainer.approvals import Board
from drainer.budgets.memory import Ledger
from drainer.clock import ManualClock
from drainer.core.model import At, Blank, Event, EventStatus
from drainer.core.naming import names_vm
from tests.simulate.sidecar import Sidecar
from tests.world import START, seconds

REBOOTS_AFTER = 8.0
ENDS_AFTER = 40.0
REBOOTING = frozenset({"Reboot", "Redeploy", "Preempt", "Terminate"})


@dataclass(slots=True)
class Fleet:
    """`carries_out`: the platform starts, reboots and ends by itself what it announced."""

    ledger: Ledger | None = None
    carries_out: bool = False
    clock: ManualClock = field(default_factory=lambda: ManualClock(START))
    vms: tuple[Sidecar, ...] = ()
    board: Board = field(default_factory=lambda: defaultdict(set))
    heard: set[str] = field(default_factory=set)
    started: dict[str, datetime] = field(default_factory=dict)
    rebooted: set[str] = field(default_factory=set)
    gone: dict[str, Event] = field(default_factory=dict)
    _later: list[tuple[datetime, Callable[[], None]]] = field(default_factory=list)

    @property
    def now(self) -> datetime:
        """By the platform's clock, which nobody sets."""
        return self.clock.now().wall

    def siblings_in_service(self, vm: Sidecar, layer: str) -> int:
        return sum(other is not vm and other.layer(layer).takes_work for other in self.vms)

    def after(self, wait_s: float, act: Callable[[], None]) -> None:
        self._later.append((self.now + seconds(wait_s), act))

    def advance(self, step_s: float) -> None:
        """Time goes by for everybody, and what was to happen happens."""
        step = seconds(step_s)
        for clock in (self.clock, *(vm.clock for vm in self.vms)):
            clock.advance(step)
        due = [act for at, act in self._later if at <= self.now]
        self._later = [(at, act) for at, act in self._later if at > self.now]
        for act in due:
            act()
        if self.carries_out:
            self._carry_out()

    # --- events ---

    def announce(self, event: Event) -> None:
        """The event joins the document of every VM that it names, or is changed there."""
        for vm in self.named(event):
            others = tuple(listed for listed in vm.feed.events if listed.id != event.id)
            vm.feed.events = (*others, event)

    def withdraw(self, event_id: str) -> None:
        for vm in self.vms:
            kept = tuple(listed for listed in vm.feed.events if listed.id != event_id)
            if len(kept) < len(vm.feed.events):
                vm.feed.events = kept
                vm.referee.unlisted(event_id)
        self.started.pop(event_id, None)
        self.heard.discard(event_id)
        self.board.pop(event_id, None)

    def start(self, event: Event) -> None:
        self.started.setdefault(event.id, self.now)
        self.announce(replace(event, status=EventStatus.STARTED, not_before=Blank()))

    def hear(self, event_id: str) -> None:
        """The platform was told that it may start this event."""
        self.heard.add(event_id)

    def named(self, event: Event) -> Iterator[Sidecar]:
        return (vm for vm in self.vms if names_vm(event, vm.name))

    def listed(self) -> dict[str, Event]:
        """Every event that is in some document."""
        return {event.id: event for vm in self.vms for event in vm.feed.events}

    def _carry_out(self) -> None:
        for event in self.listed().values():
            if event.status is not EventStatus.STARTED:
                self._start_if_due(event)
            else:
                self._go_on(event)

    def _start_if_due(self, event: Event) -> None:
        timed = isinstance(event.not_before, At) and event.not_before.at <= self.now
        if timed or event.id in self.heard:
            self.start(event)

    def _go_on(self, event: Event) -> None:
        since_s = (self.now - self.started.setdefault(event.id, self.now)).total_seconds()
        if since_s >= REBOOTS_AFTER and event.id not in self.rebooted:
            self.rebooted.add(event.id)
            for vm in self.named(event):
                if event.type in REBOOTING:
                    vm.reboot()
        if since_s >= ENDS_AFTER:
            self.withdraw(event.id)
