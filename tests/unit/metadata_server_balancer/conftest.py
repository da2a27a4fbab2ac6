"""A balancer over three hosts, on the standard event loop and on the one the emulator's web server brings."""

import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest

from metadata_server.balancer import Affinity, Balancer, BalancerConfig, Member, Probe

from .rig import INTERVAL_S, Cluster, Host

Start = Callable[..., Awaitable[Cluster]]


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": request.param}


def _free_ports() -> tuple[int, int]:
    with socket.create_server(("0.0.0.0", 0)) as first, socket.create_server(("0.0.0.0", 0)) as second:
        return first.getsockname()[1], second.getsockname()[1]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Starts a cluster; keywords change its configuration, `probe` keywords included."""
    async with AsyncExitStack() as stack:

        async def begin(
            *,
            members: int = 3,
            affinity: Affinity = Affinity.NONE,
            source: str | None = None,
            max_flows: int = 10_000,
            orphaned_s: float = 60.0,
            wait_up: bool = True,
            source_of_probe: str | None = None,
            **probe: object,
        ) -> Cluster:
            service_port, probe_port = _free_ports()
            hosts: dict[str, Host] = {}
            for number in range(1, members + 1):
                member = Member(name=f"vm{number}", host=f"127.0.2.{number}", port=service_port)
                hosts[member.name] = host = Host(member=member, probe_port=probe_port)
                await host.open()
                stack.push_async_callback(host.close)
            probed = Probe(path="/ready", port=probe_port, interval_s=INTERVAL_S, timeout_s=0.5)
            config = BalancerConfig(
                listen_host="127.0.0.1",
                listen_port=0,
                members=tuple(host.member for host in hosts.values()),
                probe=replace(probed, source=source_of_probe, **probe),  # type: ignore[arg-type]
                affinity=affinity,
                source=source,
                max_flows=max_flows,
                orphaned_s=orphaned_s,
            )
            cluster = Cluster(balancer=Balancer(config), hosts=hosts)
            await cluster.balancer.start()
            stack.push_async_callback(cluster.balancer.stop)
            stack.callback(cluster.hang_up)
            if wait_up:
                for name in hosts:
                    await cluster.until(name, up=True)
            return cluster

        yield begin
