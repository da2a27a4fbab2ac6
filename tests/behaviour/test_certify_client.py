"""What a client beyond the balancer sees of a removal: connections through the emulated one to real pages."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import monotonic
from typing import Any

import pytest

from drainer.certify import client
from drainer.certify.facts import Facts
from metadata_server.config import ClockKind, ServeConfig
from metadata_server.testing import ServedEmulator, serve_in_thread, vms
from metadata_server.topology import Address, Listener, Member, Pool, Probe, Topology
from tests.azure_vm import QUICK

NAMES = ("vm1", "vm2")


@pytest.mark.parametrize("belief", ["keep", "reset", "silence"])
def test_an_established_connection(belief: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What becomes of it is found out, and how long fresh connections still came."""
    monkeypatch.setattr(client, "WITHIN_S", 1.0)
    with _balanced(established_on_removal=belief) as (emulator, url):
        service, facts = client.Service(url=url, name="vm1"), Facts()
        kept = client.established(service)
        assert kept is not None
        emulator.control.give("leave", pool="web", vm="vm1")
        client.propagation(facts, service, since=monotonic(), within_s=30)
        client.outlived(facts, service, kept)
        kept.close()
    assert facts.measured["established_on_removal"] == belief
    assert facts.measured["propagation"].endswith("s")
    assert "propagation" not in facts.open


def test_connections_that_never_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    """A VM that stays in the pool is seen to the end of the time, and the fact is left open."""
    with _balanced() as (_, url):
        facts = Facts()
        client.propagation(facts, client.Service(url=url, name="vm1"), since=monotonic(), within_s=1)
    assert "still reached" in facts.open["propagation"]


def test_a_page_that_names_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no connection is known to reach this VM nothing can be watched."""
    monkeypatch.setattr(client, "TRIES", 3)
    with _page("other") as address:
        assert client.established(client.Service(url=f"http://{address}/", name="vm1")) is None
    assert client.established(client.Service(url="http://127.0.0.1:9/", name="vm1")) is None
    assert not client.Service(url="https://127.0.0.1:9/?a", name="vm1").lands_here()


@contextmanager
def _balanced(**switches: str) -> Iterator[tuple[ServedEmulator, str]]:
    """Two VMs with a page each behind the balancer, and the balancer's address."""
    with ExitStack() as stack:
        pages = {name: stack.enter_context(_page(name)) for name in NAMES}
        members = tuple(Member(vm=name, address=pages[name]) for name in NAMES)
        pool = Pool(name="web", members=members, probe=Probe(interval=timedelta(seconds=1)))
        front = Address(host="127.0.0.1", port=_free_port())
        topology = Topology(vms=vms(*NAMES), pools=(pool,), balancers=(Listener(listen=front, pool="web"),))
        beliefs: Any = switches
        config = ServeConfig(topology=topology, clock=ClockKind.REAL, switches=replace(QUICK, **beliefs))
        yield stack.enter_context(serve_in_thread(config)), f"http://{front}/whoami"


@contextmanager
def _page(name: str) -> Iterator[Address]:
    """A server that keeps connections and says its name."""

    class Named(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = name.encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            return

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            return

    server = Server(("127.0.0.1", 0), Named)
    server.block_on_close = False
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield Address(host="127.0.0.1", port=server.server_address[1])
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
