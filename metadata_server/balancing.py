"""The balancers of a topology: each listener of the file becomes one `metadata_server.balancer.Balancer`."""

from metadata_server.topology import Topology


class Balancing:
    """All balancers, started and stopped together."""

    def __init__(self, topology: Topology) -> None:
        self._topology = topology

    async def start(self) -> None:
        """Open every listener."""

    async def stop(self) -> None:
        """Close every listener and flow."""

    def listeners(self) -> list[str]:
        """One line for each."""
        return []

    def status(self) -> list[dict[str, object]]:
        """How each stands."""
        return []
