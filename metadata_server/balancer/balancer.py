"""The balancer: accepts clients, picks a member per flow, and keeps flows where they are.

A flow's member is picked once, when the client connects: from the members of the pool that are up, by
rendezvous hash. Nothing that happens later moves it: a member whose probe fails keeps its established flows
until they close; what becomes of them when it leaves the pool or is set down, its behaviour says. With
nobody up a new flow is refused with a reset.
"""

import asyncio
from collections.abc import Iterable, Mapping

from metadata_server.balancer.affinity import choose
from metadata_server.balancer.backend import Backend
from metadata_server.balancer.behaviour import Behaviour, Rehash
from metadata_server.balancer.config import Affinity, BalancerConfig
from metadata_server.balancer.flow import Flow
from metadata_server.balancer.idle import IdleWatch
from metadata_server.effects import Admin

BACKLOG = 1024


class UnknownMember(LookupError):
    """The balancer was not configured with a member of that name."""


class Balancer:
    """One listener and its members. All methods belong to the event loop that started it."""

    def __init__(self, config: BalancerConfig) -> None:
        self._config = config
        self._backends = {member.name: Backend(member) for member in config.members}
        self._server: asyncio.Server | None = None
        self._probes: dict[str, asyncio.Task[None]] = {}
        self._connects: set[asyncio.Task[None]] = set()
        self._owners: dict[Flow, Backend] = {}
        self._refused = 0
        self._behaviour = Behaviour()
        self._generation = 0
        self._idle = IdleWatch(self._owners)

    async def start(self) -> None:
        """Listen and begin to probe. Raises OSError where the address cannot be bound."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: self._flow().client,
            self._config.listen_host,
            self._config.listen_port,
            backlog=BACKLOG,
        )
        for name, backend in self._backends.items():
            if backend.in_pool:
                self._probe(name)

    async def stop(self) -> None:
        """Stop listening and probing, and reset every flow."""
        if self._server is None:
            return
        self._server.close()
        self._idle.stop()
        tasks = [*self._probes.values(), *self._connects]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._probes.clear()
        for flow in tuple(self._owners):
            flow.reset()
        await asyncio.sleep(0)  # a reset is sent in the loop's next turn
        await self._server.wait_closed()
        self._server = None

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens: the port that was taken where the configured one is 0."""
        if self._server is None:
            return self._config.listen_host, self._config.listen_port
        host, port = self._server.sockets[0].getsockname()[:2]
        return host, port

    def status(self) -> dict[str, object]:
        """What it sees, fit for JSON."""
        host, port = self.address
        return {
            "listen": f"{host}:{port}",
            "affinity": self._config.affinity.value,
            "refused_flows": self._refused,
            "members": {name: backend.status() for name, backend in self._backends.items()},
        }

    def set_members(self, names: Iterable[str]) -> None:
        """Make exactly these the pool. Established flows of a member that leaves meet `on_removal`; one that
        joins is down until a probe is answered. Raises UnknownMember, and then changes nothing."""
        wanted = {self._backend(name).member.name for name in names}
        before = {name for name, backend in self._backends.items() if backend.in_pool}
        for name in wanted - before:
            self._backends[name].join()
            self._probe(name)
        for name in before - wanted:
            self._backends[name].in_pool = False
            self._stop_probing(name)
            self._backends[name].end_flows(self._behaviour.on_removal)
        self._generation += wanted != before

    def set_admin(self, states: Mapping[str, Admin]) -> None:
        """Give each member its administrative state, NONE to those not named. Raises UnknownMember, and then
        changes nothing."""
        wanted = {self._backend(name).member.name: admin for name, admin in states.items()}
        for name, backend in self._backends.items():
            before, backend.admin = backend.admin, wanted.get(name, Admin.NONE)
            if backend.admin is Admin.DOWN and before is not Admin.DOWN:
                backend.end_flows(self._behaviour.on_admin_down)

    def behave(self, behaviour: Behaviour) -> None:
        """Behave like this from now on."""
        self._behaviour = behaviour
        self._idle.follow(behaviour)

    def silence(self, name: str) -> None:
        """The member's host vanishes: it answers nothing and closes nothing. Raises UnknownMember."""
        backend = self._backend(name)
        backend.silent = True
        for flow in tuple(backend.flows):
            flow.silence()

    def unsilence(self, name: str) -> None:
        """The member's host is back, rebooted: it knows no old flow, and resets one whose client sends
        again. Raises UnknownMember."""
        backend = self._backend(name)
        backend.silent = False
        for flow in tuple(backend.flows):
            flow.forget()

    def _backend(self, name: str) -> Backend:
        try:
            return self._backends[name]
        except KeyError:
            raise UnknownMember(f"no member named {name!r}") from None

    def _probe(self, name: str) -> None:
        if self._server is None:  # start begins to probe
            return
        self._probes[name] = asyncio.create_task(self._backends[name].probe_for_ever(self._config.probe))

    def _stop_probing(self, name: str) -> None:
        if name in self._probes:
            self._probes.pop(name).cancel()

    def _flow(self) -> Flow:
        return Flow(opened=self._assign, over=self._forget, orphaned_s=self._config.orphaned_s)

    def _assign(self, flow: Flow) -> None:
        backend = self._pick(flow)
        if backend is None:
            self._refused += 1
            flow.reset()
            return
        self._owners[flow] = backend
        backend.flows.add(flow)
        backend.new_flows += 1
        if backend.silent:
            flow.silence()
            return
        connect = asyncio.create_task(backend.connect(flow, self._config.source))
        self._connects.add(connect)
        connect.add_done_callback(self._connects.discard)

    def _pick(self, flow: Flow) -> Backend | None:
        if len(self._owners) >= self._config.max_flows:
            return None
        ready = (name for name, backend in self._backends.items() if backend.takes_new_flows)
        peer = flow.client_address()
        if peer is None:
            return None
        host, port = peer
        salt = self._generation if self._behaviour.rehash is Rehash.YES else 0
        key = host if self._config.affinity is Affinity.SOURCE else f"{host}:{port}"
        name = choose(key, ready, salt=salt)
        return None if name is None else self._backends[name]

    def _forget(self, flow: Flow) -> None:
        backend = self._owners.pop(flow, None)
        if backend is not None:
            backend.flows.discard(flow)
