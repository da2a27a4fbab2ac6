"""The emulator inside a test: served from a thread, driven through its control path."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

from metadata_server.arm.changes import Change
from metadata_server.arm.serving import ManagementApi
from metadata_server.config import ClockKind, ServeConfig
from metadata_server.control.client import ControlClient
from metadata_server.effects import Effects
from metadata_server.serve import Emulator
from metadata_server.tokens import AUDIENCES, Principal
from metadata_server.topology import Address, Topology, Vm

_PATIENCE_S = 10.0


class ServedEmulator:
    """A running emulator; a context manager, or `close` it."""

    def __init__(self, config: ServeConfig) -> None:
        self._emulator = Emulator(config)
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="metadata-server", daemon=True)
        self._thread.start()
        if not self._ready.wait(_PATIENCE_S) or self._failure is not None:
            raise RuntimeError("the emulator did not start") from self._failure

    def url(self, vm: str) -> str:
        """Where the metadata service of `vm` listens: `http://127.0.0.1:PORT`."""
        return f"http://{self._emulator.directory.address(vm)}"

    def principal(self, token: str) -> Principal:
        """Whose access token this is; TokenRefused if it is none for the management API, or over."""
        return self._emulator.tokens.verify(token, now=self._emulator.world.clock.now())

    def token(
        self, principal: Principal, *, audience: str = AUDIENCES[0], lifetime: timedelta = timedelta(hours=1)
    ) -> str:
        """An access token as the metadata service issues it, from the scenario's present instant on."""
        emulator = self._emulator
        now = emulator.world.clock.now()
        return emulator.tokens.issue(principal, audience=audience, now=now, lifetime=lifetime)

    @property
    def control_url(self) -> str:
        """Where the controller listens."""
        return f"http://{self._emulator.control_address}"

    @property
    def control(self) -> ControlClient:
        """A client of the controller: `control.give("schedule", type="Reboot", vms=["vm1"], in_="15m")`."""
        return ControlClient(self.control_url)

    @property
    def management_url(self) -> str:
        """Where the management API listens."""
        return self._api.url

    @property
    def authority(self) -> str:
        """The file with the certificate that its clients trust."""
        return str(self._api.authority)

    def resource(self, resource_id: str) -> dict[str, Any]:
        """A resource as the management API has it now."""
        found: dict[str, Any] = self.control.show(f"arm?id={quote(resource_id)}")["resource"]
        return found

    def requests(self) -> list[dict[str, Any]]:
        """What the management API was asked, oldest first."""
        asked: list[dict[str, Any]] = self.control.show("requests")["requests"]
        return asked

    def watch(self, told: Callable[[Change], None]) -> None:
        """From now on `told` hears of each write that the management API takes, before the next one comes.

        It is called from the thread that serves, so what it raises is an answer that breaks.
        """
        self._api.service.watchers.append(told)

    def effects(self) -> Effects:
        """What the network follows of the management API's resources now."""
        return self._api.service.effects()

    @property
    def _api(self) -> ManagementApi:
        if self._emulator.management is None:
            raise RuntimeError("this topology has no management API")
        return self._emulator.management

    def listeners(self) -> list[str]:
        """What `serve` would print: one line for each listener."""
        return self._emulator.listeners()

    def close(self) -> None:
        """Stop serving; every address is free again when this returns. RuntimeError if it broke."""
        if self._loop is not None and self._stop is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(_PATIENCE_S)
        if self._failure is not None:
            raise RuntimeError("the emulator broke") from self._failure

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001 - reported by the constructor
            self._failure = error
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()

        async def ready() -> None:
            self._ready.set()

        await self._emulator.serve(until=self._stop, ready=ready)


def vms(*names: str, set: str | None = None) -> tuple[Vm, ...]:
    """VMs on free loopback ports, all in one set if it is given; update domains count up."""
    free = Address(host="127.0.0.1", port=0)
    return tuple(
        Vm(name=name, address=free, set=set, update_domain=index) for index, name in enumerate(names)
    )


def serve_in_thread(
    config: ServeConfig | Sequence[Vm], *, clock: ClockKind = ClockKind.MANUAL
) -> ServedEmulator:
    """Serve a configuration, or some VMs on a manual clock; the control path is always on."""
    if not isinstance(config, ServeConfig):
        config = ServeConfig(topology=Topology(vms=tuple(config)), clock=clock)
    if config.control is None:
        config = replace(config, control=Address(host="127.0.0.1", port=0))
    return ServedEmulator(config)
