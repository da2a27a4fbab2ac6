"""The balancers of a topology, kept in step with the scenario and with the management API's resources.

A member is in its pool if both have it there. Whose host is silent and how the platform behaves at its
unknown points, the scenario alone decides.
"""

from collections.abc import Mapping

from metadata_server import balancer
from metadata_server.balancer import Balancer, BalancerConfig
from metadata_server.effects import Admin, Effects
from metadata_server.imds.loadbalancer import Direction, Rule
from metadata_server.switches import Switches
from metadata_server.timeline import Timeline
from metadata_server.topology import Address, Listener, Pool, Topology


class Balancing:
    """All balancers, started and stopped together."""

    def __init__(self, topology: Topology) -> None:
        pools = {pool.name: pool for pool in topology.pools}
        self._balancers = [
            (pools[listener.pool], Balancer(_config(listener, pools[listener.pool])))
            for listener in topology.balancers
        ]
        self._silent: frozenset[str] = frozenset()
        self._state: Timeline | None = None
        self._effects = Effects()

    async def start(self) -> None:
        """Open every listener; OSError if one of them cannot be had."""
        for _, one in self._balancers:
            await one.start()

    async def stop(self) -> None:
        """Close every listener and reset every flow."""
        for _, one in self._balancers:
            await one.stop()

    def follow(self, state: Timeline) -> None:
        """Bring members, silent hosts and behaviour to what the scenario says."""
        self._state = state
        for pool, one in self._balancers:
            one.behave(_behaviour(state.switches))
            self._settle(pool, one, state)
            for vm in (member.vm for member in pool.members):
                if vm in state.silent and vm not in self._silent:
                    one.silence(vm)
                elif vm in self._silent and vm not in state.silent:
                    one.unsilence(vm)
        self._silent = state.silent

    def follow_effects(self, effects: Effects) -> None:
        """Bring members and their administrative states to what the management API's resources say."""
        self._effects = effects
        if self._state is not None:
            for pool, one in self._balancers:
                self._settle(pool, one, self._state)

    def members(self, pool: Pool, state: Timeline) -> Mapping[str, Admin]:
        """Who is in the pool now, and how."""
        inside = [member.vm for member in pool.members if (pool.name, member.vm) not in state.left]
        known = self._effects.pools.get(pool.name)
        if known is None:
            return dict.fromkeys(inside, Admin.NONE)
        return {vm: known[vm] for vm in inside if vm in known}

    def rules(self, vm: str) -> list[Rule]:
        """The rules of the balancers that `vm` is behind, as load balancer metadata tells them now."""
        return [
            rule
            for pool, one in self._balancers
            for member in pool.members
            if member.vm == vm and self._is_told(pool, vm)
            for rule in _rules(pool, _address(one), member.address.port)
        ]

    def _is_told(self, pool: Pool, vm: str) -> bool:
        state = self._state
        return state is None or state.switches.lb_metadata == "stale" or vm in self.members(pool, state)

    def _settle(self, pool: Pool, one: Balancer, state: Timeline) -> None:
        members = self.members(pool, state)
        one.set_admin(members)
        one.set_members(members)

    def listeners(self) -> list[str]:
        """One line for each: its pool and where it listens."""
        return [f"balancer {pool.name} {_address(one)}" for pool, one in self._balancers]

    def status(self) -> list[dict[str, object]]:
        """How each stands."""
        return [{"pool": pool.name, **one.status()} for pool, one in self._balancers]


def _rules(pool: Pool, frontend: Address, port: int) -> list[Rule]:
    directions = [Direction.INBOUND, *([Direction.OUTBOUND] if pool.outbound_rule else [])]
    return [Rule(direction=direction, frontend=frontend, backend_port=port) for direction in directions]


def _address(one: Balancer) -> Address:
    host, port = one.address
    return Address(host=host, port=port)


def _behaviour(switches: Switches) -> balancer.Behaviour:
    """What the balancer package calls the same things."""
    timeout = switches.idle_timeout
    on_idle = balancer.Established.RESET if switches.tcp_reset == "on" else balancer.Established.SILENCE
    return balancer.Behaviour(
        on_removal=balancer.Established(switches.established_on_removal),
        on_admin_down=balancer.Established(switches.admin_state_down),
        rehash=balancer.Rehash(switches.rehash_on_change),
        idle_timeout_s=None if timeout is None else timeout.total_seconds(),
        on_idle=on_idle,
    )


def _config(listener: Listener, pool: Pool) -> BalancerConfig:
    """What the balancer package calls the same things."""
    members = tuple(
        balancer.Member(name=member.vm, host=member.address.host, port=member.address.port)
        for member in pool.members
    )
    probe = balancer.Probe(
        protocol=balancer.Protocol(pool.probe.protocol.value),
        path=pool.probe.path,
        port=pool.probe.port,
        interval_s=pool.probe.interval.total_seconds(),
        threshold=pool.probe.threshold,
        source=pool.probe.source,
    )
    return BalancerConfig(
        listen_host=listener.listen.host,
        listen_port=listener.listen.port,
        members=members,
        probe=probe,
        affinity=balancer.Affinity(listener.affinity.value),
        source=listener.source,
    )
