"""A topology with a balancer: the scenario decides who is a member and whose host is silent."""

import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from metadata_server.clock import monotonic
from metadata_server.config import ServeConfig
from metadata_server.testing import ServedEmulator, serve_in_thread
from metadata_server.topologyfile import parse
from tests.wire.metadata_server.wire import ask

TOPOLOGY = """\
version: 1
vms:
  - {{name: vm1, address: "127.0.0.1:0"}}
  - {{name: vm2, address: "127.0.0.1:0"}}
pools:
  - name: web
    members: [{{vm: vm1, address: "127.0.0.1:{first}"}}, {{vm: vm2, address: "127.0.0.1:{second}"}}]
    probe: {{protocol: tcp, interval: 300ms, threshold: 3}}
balancers:
  - {{listen: "127.0.0.1:0", pool: web}}
"""


class Named(socketserver.ThreadingTCPServer):
    """Tells everybody who connects its name."""

    daemon_threads = True

    def __init__(self, name: str) -> None:
        class Greeting(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                self.request.sendall(name.encode())

        super().__init__(("127.0.0.1", 0), Greeting)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()


@pytest.fixture
def emulator() -> Iterator[ServedEmulator]:
    with Named("vm1") as first, Named("vm2") as second:
        text = TOPOLOGY.format(first=first.server_address[1], second=second.server_address[1])
        with serve_in_thread(ServeConfig(topology=parse(text, file="topology.yaml"))) as served:
            yield served
        first.shutdown()
        second.shutdown()


def eventually(true: Callable[[], bool]) -> None:
    deadline = monotonic() + 10
    while not true():
        assert monotonic() < deadline


def members(emulator: ServedEmulator) -> dict[str, Any]:
    [balancer] = emulator.control.show("balancers")["balancers"]
    assert balancer["pool"] == "web"
    found: dict[str, Any] = balancer["members"]
    return found


def greeted(emulator: ServedEmulator, *, times: int = 20) -> set[str]:
    """Who answers so many new flows."""
    [line] = [line for line in emulator.listeners() if line.startswith("balancer web ")]
    host, _, port = line.split()[-1].rpartition(":")
    names = set()
    for _ in range(times):
        with socket.create_connection((host, int(port)), timeout=5) as flow:
            names.add(flow.recv(10).decode())
    return names


def test_pool_follows_the_scenario(emulator: ServedEmulator) -> None:
    """A VM that leaves the pool gets no new flows, and gets them again after it joined and was probed."""
    eventually(lambda: all(member["up"] for member in members(emulator).values()))
    assert greeted(emulator) == {"vm1", "vm2"}
    emulator.control.give("leave", vm="vm1", pool="web")
    assert greeted(emulator) == {"vm2"}
    emulator.control.give("join", vm="vm1")
    eventually(lambda: bool(members(emulator)["vm1"]["up"]))
    assert greeted(emulator) == {"vm1", "vm2"}


def test_vm_is_told_the_rules_it_is_behind(emulator: ServedEmulator) -> None:
    """Load balancer metadata names the port that really listens, and is gone with the VM's membership."""
    [line] = [line for line in emulator.listeners() if line.startswith("balancer web ")]
    url = "/metadata/loadbalancer?api-version=2020-10-01"
    [rule] = ask(emulator.url("vm1"), url).content["loadbalancer"]["inboundRules"]
    assert f"{rule['frontendIpAddress']}:{rule['frontendPort']}" == line.split()[-1]
    emulator.control.give("leave", vm="vm1")
    assert ask(emulator.url("vm1"), url).status == 404


def test_silent_host_fails_its_probe(emulator: ServedEmulator) -> None:
    """A VM whose host is silent goes down by its probe, and comes up when the host is back."""
    eventually(lambda: bool(members(emulator)["vm1"]["up"]))
    emulator.control.give("silence", vm="vm1")
    eventually(lambda: not members(emulator)["vm1"]["up"])
    assert members(emulator)["vm1"]["silent"] is True
    emulator.control.give("unsilence", vm="vm1")
    eventually(lambda: bool(members(emulator)["vm1"]["up"]))


def test_other_commands_leave_the_pool_alone(emulator: ServedEmulator) -> None:
    """Commands that do not concern pools leave members as they are."""
    emulator.control.give("leave", vm="vm2")
    emulator.control.give("schedule", type="Reboot", vms=["vm1"])
    assert [member["in_pool"] for member in members(emulator).values()] == [True, False]


def test_a_balancer_that_cannot_listen_stops_the_start(emulator: ServedEmulator) -> None:
    """A balancer whose address is taken is an error at start, and leaves nothing behind."""
    [line] = [line for line in emulator.listeners() if line.startswith("balancer web ")]
    text = TOPOLOGY.format(first=9, second=9).replace('127.0.0.1:0", pool', line.split()[-1] + '", pool')
    with pytest.raises(RuntimeError, match="did not start"):
        serve_in_thread(ServeConfig(topology=parse(text, file="topology.yaml")))
