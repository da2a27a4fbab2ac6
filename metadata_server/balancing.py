"""The balancers of a topology, kept in step with the scenario: who is in a pool, whose host is silent."""

from metadata_server import balancer
from metadata_server.balancer import Balancer, BalancerConfig
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

    async def start(self) -> None:
        """Open every listener; OSError if one of them cannot be had."""
        for _, one in self._balancers:
            await one.start()

    async def stop(self) -> None:
        """Close every listener and reset every flow."""
        for _, one in self._balancers:
            await one.stop()

    def follow(self, state: Timeline) -> None:
        """Bring members and silent hosts to what the scenario says."""
        for pool, one in self._balancers:
            members = [member.vm for member in pool.members]
            one.set_members(vm for vm in members if (pool.name, vm) not in state.left)
            for vm in members:
                if vm in state.silent and vm not in self._silent:
                    one.silence(vm)
                elif vm in self._silent and vm not in state.silent:
                    one.unsilence(vm)
        self._silent = state.silent

    def listeners(self) -> list[str]:
        """One line for each: its pool and where it listens."""
        return [f"balancer {pool.name} {_shown(one.address)}" for pool, one in self._balancers]

    def status(self) -> list[dict[str, object]]:
        """How each stands."""
        return [{"pool": pool.name, **one.status()} for pool, one in self._balancers]


def _shown(address: tuple[str, int]) -> str:
    host, port = address
    return str(Address(host=host, port=port))


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
