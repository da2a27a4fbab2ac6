"""/metadata/loadbalancer: the rules a VM is behind, and the platform's words where there are none."""

import json

import pytest

from metadata_server.balancing import Balancing
from metadata_server.commands import Leave, SetSwitch
from metadata_server.effects import Admin, Effects
from metadata_server.imds.exchange import Answer
from metadata_server.imds.service import respond
from metadata_server.imds.sources import Sources
from metadata_server.topology import Address, Listener, Member, Pool, Topology
from metadata_server.world import World
from tests.unit.metadata_server.builders import LONE, NOON, WEB1, WEB2, ask, world

URL = "/metadata/loadbalancer?api-version=2020-10-01"


def address(text: str) -> Address:
    return Address.parse(text)


POOLS = (
    Pool(
        name="web",
        members=(
            Member(vm="web1", address=address("127.0.0.11:9001")),
            Member(vm="web2", address=address("127.0.0.12:9001")),
        ),
    ),
    Pool(name="out", members=(Member(vm="web1", address=address("127.0.0.11:9002")),), outbound_rule=True),
)
BALANCERS = (
    Listener(listen=address("127.0.0.1:80"), pool="web"),
    Listener(listen=address("127.0.0.2:443"), pool="out"),
)


class Stage:
    """Three VMs, two of them behind balancers."""

    def __init__(self) -> None:
        topology = Topology(vms=(WEB1, WEB2, LONE), pools=POOLS, balancers=BALANCERS)
        self.world: World = world(topology=topology)
        self.balancing = Balancing(topology)
        self.world.follower = self.balancing.follow
        self.balancing.follow(self.world.timeline())

    def get(self, url: str = URL, *, vm: str = "web1", method: str = "GET", metadata: str = "true") -> Answer:
        question = ask(url, vm=vm, method=method, metadata=metadata)
        return respond(question, self.world, Sources(rules=self.balancing.rules))


def inbound(frontend: str, port: int, backend: int) -> dict[str, object]:
    return {
        "frontendIpAddress": frontend,
        "protocol": "tcp",
        "frontendPort": port,
        "backendPort": backend,
        "privateIpAddress": "127.0.0.1",
    }


def test_rules_of_every_balancer() -> None:
    """A VM sees a rule for each listener of each of its pools, and outbound rules where a pool has one."""
    assert json.loads(Stage().get().body) == {
        "loadbalancer": {
            "publicIpAddresses": [],
            "inboundRules": [inbound("127.0.0.1", 80, 9001), inbound("127.0.0.2", 443, 9002)],
            "outboundRules": [{"frontendIpAddress": "127.0.0.2", "privateIpAddress": "127.0.0.1"}],
        }
    }


@pytest.mark.parametrize("told", ["fresh", "stale"])
@pytest.mark.parametrize("by", ["scenario", "resources"])
def test_rules_after_a_change(told: str, by: str) -> None:
    """A VM that left its last pool is told so at once, or still sees its rules, as the switch says."""
    stage = Stage()
    stage.world.give(SetSwitch(at=NOON, name="lb-metadata", value=told))
    assert stage.get(vm="web2").status == 200
    if by == "scenario":
        stage.world.give(Leave(at=NOON, pool="web", vm="web2"))
    else:
        stage.balancing.follow_effects(Effects(pools={"web": {"web1": Admin.NONE}}))
    assert stage.get(vm="web2").status == (404 if told == "fresh" else 200)
    assert stage.get(vm="web1").status == 200


@pytest.mark.parametrize(
    ("url", "method", "vm", "status", "error"),
    [
        (
            URL,
            "GET",
            "lone",
            404,
            "No load balancer metadata is found. Check if",
        ),
        ("/metadata/loadbalancer", "GET", "web1", 400, 'Missing required parameter "api-version".'),
        ("/metadata/loadbalancer?api-version=2020-09-01", "GET", "web1", 400, 'Parameter value "2020-09-01"'),
        (
            "/metadata/loadbalancer/x",
            "GET",
            "web1",
            404,
            'API isn\'t found: Path = "/metadata/loadbalancer/x"',
        ),
        (URL, "POST", "web1", 405, "Http method isn't allowed"),
    ],
)
def test_documented_errors(url: str, method: str, vm: str, status: int, error: str) -> None:
    """Each documented refusal has its status and its sentence."""
    answer = Stage().get(url, method=method, vm=vm)
    assert answer.status == status
    assert json.loads(answer.body)["error"].startswith(error)


def test_header_is_needed() -> None:
    """The header rules are those of every category."""
    assert Stage().get(metadata="").status == 400


def test_without_a_balancer_there_is_none() -> None:
    """A service that knows of no balancer has no load balancer metadata."""
    assert respond(ask(URL), world()).status == 404
