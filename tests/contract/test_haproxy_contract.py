"""The HAProxy backend keeps the contract against a real HAProxy, one server per backend of this VM."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from drainer.backends.haproxy import HaProxy, Options
from drainer.testing import BackendContract, Stand, surroundings
from tests.contract.application import answering
from tests.e2e.haproxy.proxy import Proxy, Server, running


class ProxyStand(Stand):
    entries = ("web/vm1", "api/vm1")

    def __init__(self, proxy: Proxy) -> None:
        super().__init__()
        self._proxy = proxy

    def connect(self) -> HaProxy:
        return HaProxy(Options(socket=self._proxy.socket), surroundings(self.clock, vm="VM1"))

    def take_out(self, entry: str) -> None:
        self._proxy.ask(f"set server {entry} state drain")

    def put_in(self, entry: str) -> None:
        self._proxy.ask(f"set server {entry} state ready")

    def remove(self, entry: str) -> None:
        self._proxy.ask(f"set server {entry} state maint")
        self._proxy.ask(f"experimental-mode on; del server {entry}")

    def others(self) -> object:
        return [
            self._proxy.admin(f"{backend}/{name}") for backend in ("web", "api") for name in ("vm2", "vm3")
        ]

    def sever(self) -> None:
        self._proxy.stop()


@pytest.mark.haproxy
class TestHaProxy(BackendContract):
    @pytest.fixture
    def stand(self, tmp_path: Path) -> Iterator[Stand]:
        with answering(lambda: 200) as address:
            servers = [Server(name=f"vm{n}", address=address) for n in (1, 2, 3)]
            with running(tmp_path, servers, backends=("web", "api")) as proxy:
                yield ProxyStand(proxy)
