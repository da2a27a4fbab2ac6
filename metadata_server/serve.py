"""Everything put together: the world, the metadata listeners, the control path and the balancers.

`Emulator` opens all sockets when it is built, so that every address is known before anything answers.
"""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable
from datetime import datetime

from metadata_server.arm.serving import ManagementApi
from metadata_server.balancing import Balancing
from metadata_server.clock import Clock, ManualClock, RealClock, whole_second
from metadata_server.commandlog import CommandLog
from metadata_server.config import ClockKind, ServeConfig
from metadata_server.control.app import control_app
from metadata_server.directory import Directory
from metadata_server.imds.app import MetadataApp
from metadata_server.imds.identity import Issuer
from metadata_server.imds.sources import Sources
from metadata_server.listening import ByAddress, Server, bind, bound
from metadata_server.tokens import Tokens
from metadata_server.topology import Address, Topology, Vm
from metadata_server.world import World, scenario_for


class Emulator:
    """One emulator: build it, then `serve` until told to stop."""

    def __init__(self, config: ServeConfig) -> None:
        self._sockets: list[socket.socket] = []
        with contextlib.ExitStack() as opened:
            self._opened = opened
            self.world = _world(config, opened)
            self.directory = self._listen(config.topology)
            self.control_address = None if config.control is None else self._open(config.control)
            self.tokens = Tokens()
            self._balancing = Balancing(config.topology)
            self.management = self._manage(config.topology)
            self._opened = opened.pop_all()

    async def serve(self, *, until: asyncio.Event, ready: Callable[[], Awaitable[None]]) -> None:
        """Answer until the event is set; `ready` is called when every listener answers."""
        try:
            await self._balancing.start()
            self._balancing.follow(self.world.timeline())
            self.world.follower = self._balancing.follow
            answering = [asyncio.create_task(Server(self._app(), until=until).serve(sockets=self._sockets))]
            if self.management is not None:
                self.management.follow(self._balancing)
                answering.append(asyncio.create_task(self.management.serve(self._balancing, until=until)))
            await ready()
            await asyncio.gather(*answering)
        finally:
            await self._balancing.stop()
            self._opened.close()

    def listeners(self) -> list[str]:
        """One line for each listener: what it is, for whom, and where."""
        lines = [
            f"metadata {vm.name} http://{self.directory.address(vm.name)}" for vm in self.world.topology.vms
        ]
        if self.control_address is not None:
            lines.append(f"control http://{self.control_address}")
        if self.management is not None:
            lines.append(f"management {self.management.url} {self.management.authority}")
        return lines + self._balancing.listeners()

    def _app(self) -> ByAddress:
        world, directory = self.world, self.directory
        control = None
        if self.control_address is not None:
            control = control_app(world=world, directory=directory, balancers=self._balancing.status)
        sources = Sources(issuer=Issuer(self.tokens), rules=self._balancing.rules)
        metadata = MetadataApp(world=world, directory=directory, sources=sources)
        return ByAddress(metadata=metadata, control=control, control_address=self.control_address)

    def _listen(self, topology: Topology) -> Directory:
        """One socket for each address; VMs told apart by source share one."""
        shared: dict[Address, list[Vm]] = {}
        alone: list[Vm] = []
        for vm in topology.vms:
            if vm.source is None:
                alone.append(vm)
            else:
                shared.setdefault(vm.address, []).append(vm)
        listening: dict[Address, tuple[Vm, ...]] = {self._open(vm.address): (vm,) for vm in alone}
        listening.update({self._open(address): tuple(vms) for address, vms in shared.items()})
        return Directory(listening=listening)

    def _manage(self, topology: Topology) -> ManagementApi | None:
        if topology.management is None:
            return None
        api = ManagementApi(topology, topology.management, world=self.world, tokens=self.tokens)
        self._opened.callback(api.close)
        self.world.management = api.service
        return api

    def _open(self, address: Address) -> Address:
        listener = bind(address)
        self._opened.callback(listener.close)
        self._sockets.append(listener)
        return bound(listener)


def _world(config: ServeConfig, opened: contextlib.ExitStack) -> World:
    """The world as its log left it, or a new one."""
    started_at = config.starts_at or whole_second()
    if config.state is None:
        scenario = scenario_for(config.topology, started_at=started_at, switches=config.switches)
        return World(topology=config.topology, clock=_clock(config, started_at), scenario=scenario)
    log = CommandLog.open(config.state, started_at=started_at, clock=config.clock.value)
    opened.callback(log.close)
    scenario = scenario_for(config.topology, started_at=log.started_at, switches=config.switches)
    clock = _clock(config, log.started_at)
    return World(topology=config.topology, clock=clock, scenario=scenario, past=log.commands, keeper=log)


def _clock(config: ServeConfig, started_at: datetime) -> Clock:
    return ManualClock(started_at) if config.clock is ClockKind.MANUAL else RealClock()
