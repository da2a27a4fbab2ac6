"""The scenario as it runs: a clock, the commands so far, and the timeline they make.

The only mutable thing behind the metadata service and the controller. Every change is a command, kept
before it takes effect. Used from one thread only, the event loop's.
"""

import uuid
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from metadata_server.clock import Clock, ManualClock
from metadata_server.commands import Command
from metadata_server.errors import Problem, Unknown
from metadata_server.scenario import Scenario
from metadata_server.switches import Switches
from metadata_server.timeline import Timeline, apply, begin, elapse
from metadata_server.topology import Topology, Vm

if TYPE_CHECKING:
    from metadata_server.arm.service import ArmService


class Keeper(Protocol):
    """Where commands survive a restart."""

    def keep(self, command: Command) -> None: ...


class Forgetful:
    """Keeps nothing: the scenario ends with the program."""

    def keep(self, command: Command) -> None:
        """Lose it."""


def new_guid() -> str:
    """An id as the platform writes them: a GUID in upper case."""
    return str(uuid.uuid4()).upper()


class World:
    """One running scenario."""

    def __init__(
        self,
        *,
        topology: Topology,
        clock: Clock,
        scenario: Scenario,
        past: Iterable[Command] = (),
        keeper: Keeper | None = None,
        new_id: Callable[[], str] = new_guid,
    ) -> None:
        self.topology = topology
        self.clock = clock
        self.new_id = new_id
        self.follower: Callable[[Timeline], None] = lambda _: None
        self.management: ArmService | None = None
        self._keeper = keeper or Forgetful()
        self._state = begin(scenario)
        for command in past:
            self._state = apply(self._state, command)
        self._follow()

    def timeline(self) -> Timeline:
        """The scenario now."""
        self._state = elapse(self._state, self.clock.now())
        return self._state

    def now(self) -> datetime:
        """The scenario's time: never before its last command."""
        return self.timeline().now

    def give(self, command: Command) -> Timeline:
        """Keep the command, let it take effect, and return what follows."""
        after = apply(self.timeline(), command)
        self._keeper.keep(command)
        self._state = after
        self._follow()
        self.follower(after)
        return after

    def vm(self, name: str, *, field: str = "vm") -> Vm:
        """The VM of that name; Unknown if there is none."""
        for vm in self.topology.vms:
            if vm.name == name:
                return vm
        names = ", ".join(vm.name for vm in self.topology.vms)
        raise Unknown([Problem(field=field, expected=f"one of {names}", found=repr(name))])

    def _follow(self) -> None:
        """Bring a manual clock to where the commands left it."""
        if isinstance(self.clock, ManualClock) and self._state.now > self.clock.now():
            self.clock.advance(self._state.now - self.clock.now())


def scenario_for(topology: Topology, *, started_at: datetime, switches: Switches) -> Scenario:
    """The fixed part of a scenario around these VMs."""
    scopes = {vm.name: vm.scope for vm in topology.vms}
    return Scenario(started_at=started_at, scopes=scopes, switches=switches)
