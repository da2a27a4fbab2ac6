"""The management API on a listener of its own, over TLS, and what it does to the balancers."""

import asyncio
import contextlib
import tempfile
from pathlib import Path

from metadata_server.arm.app import ArmApp
from metadata_server.arm.service import ArmService
from metadata_server.arm.tls import serve_with
from metadata_server.balancing import Balancing
from metadata_server.clock import pause
from metadata_server.effects import Effects
from metadata_server.listening import Server, bind, bound
from metadata_server.tokens import Tokens
from metadata_server.topology import Management, Topology
from metadata_server.world import World

LOOK_S = 0.05
"""How often the network looks what has reached it."""


class ManagementApi:
    """Opened when it is built; `serve` answers and lets the balancers follow until told to stop."""

    def __init__(self, topology: Topology, management: Management, *, world: World, tokens: Tokens) -> None:
        with contextlib.ExitStack() as opened:
            folder = opened.enter_context(tempfile.TemporaryDirectory(prefix="metadata-server-"))
            self._socket = bind(management.listen)
            opened.callback(self._socket.close)
            self._address = bound(self._socket)
            self._served = serve_with(
                Path(folder),
                host=self._address.host,
                authority=Path(management.ca) if management.ca else None,
                now=world.now(),
            )
            self._opened = opened.pop_all()
        self.service = ArmService(topology, management, world=world, tokens=tokens)
        self.service.addresses.origin = self.url
        self._world = world
        self._followed = Effects()

    @property
    def url(self) -> str:
        return f"https://{self._address}"

    @property
    def authority(self) -> Path:
        """The certificate that clients trust."""
        return self._served.authority

    async def serve(self, balancing: Balancing, *, until: asyncio.Event) -> None:
        """Answer until the event is set."""
        server = Server(
            ArmApp(self.service, self._world),
            until=until,
            certificate=self._served.certificate,
            key=self._served.key,
        )
        following = asyncio.create_task(self._follow_on(balancing))
        try:
            await server.serve(sockets=[self._socket])
        finally:
            following.cancel()

    def follow(self, balancing: Balancing) -> None:
        """Bring the balancers to what has reached the network."""
        effects = self.service.effects()
        if effects != self._followed:
            self._followed = effects
            balancing.follow_effects(effects)

    def close(self) -> None:
        self._opened.close()

    async def _follow_on(self, balancing: Balancing) -> None:
        while True:
            await pause(LOOK_S)
            self.follow(balancing)
