"""/metadata/instance and /metadata/versions."""

import json
from typing import Any

import pytest

from metadata_server.imds.exchange import Answer
from metadata_server.imds.service import respond
from metadata_server.imds.versions import VERSIONS
from metadata_server.topology import Address, Topology, Vm
from tests.unit.metadata_server.builders import ask, world

BASE = "/metadata/instance"


def get(path: str = "", query: str = "", *, version: str = "2025-04-07", vm: str = "web1") -> Answer:
    return respond(ask(f"{BASE}{path}?api-version={version}{query}", vm=vm), world())


def compute(version: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(get("/compute", version=version).body)
    return content


def test_what_the_topology_knows() -> None:
    """Name, domains, zone and addresses are the topology's; domains are strings."""
    content = compute("2025-04-07")
    assert content["name"] == "web1"
    assert (content["platformUpdateDomain"], content["platformFaultDomain"]) == ("0", "1")
    assert content["resourceId"].endswith(
        "/resourceGroups/emulated/providers/Microsoft.Compute/virtualMachines/web1"
    )
    assert content["osProfile"] == {"computerName": "web1"}


FIRST = {"location", "name", "platformFaultDomain", "platformUpdateDomain", "vmId", "vmSize"}


@pytest.mark.parametrize(
    ("version", "brought"),
    [
        ("2017-04-02", set[str]()),
        ("2017-08-01", {"placementGroupId", "resourceGroupName", "subscriptionId", "tags"}),
        ("2017-12-01", {"vmScaleSetName", "zone"}),
        ("2018-10-01", {"azEnvironment", "provider"}),
        ("2019-03-11", {"resourceId"}),
        ("2019-06-04", {"tagsList"}),
        ("2020-07-15", {"osProfile"}),
        ("2020-12-01", {"priority", "evictionPolicy"}),
        ("2021-01-01", {"userData"}),
        ("2021-03-01", {"virtualMachineScaleSet"}),
        ("2023-11-15", {"physicalZone"}),
    ],
)
def test_members_come_with_their_version(version: str, brought: set[str]) -> None:
    """Each member of compute appears in the version that brought it and not in the one before."""
    earlier = [known for known in VERSIONS if "2017-04-02" <= known < version]
    before = set(compute(earlier[-1])) if earlier else FIRST
    assert set(compute(version)) - before == brought
    assert before <= set(compute(version))


def test_ids_are_constant_and_differ() -> None:
    """A VM's id is the same at every start, and no two VMs share one."""
    ids = [get("/compute/vmId", "&format=text", vm=vm).body for vm in ("web1", "web1", "web2")]
    assert ids[0] == ids[1] != ids[2]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/compute/name", "web1"),
        ("/compute/osProfile/computerName", "web1"),
        ("/compute/osProfile", "computerName"),
        ("/compute/tagsList", ""),
        ("", "compute/\nnetwork/"),
        ("/network/interface", "0/"),
        ("/network/interface/0", "ipv4/\nipv6/\nmacAddress"),
        ("/network/interface/0/ipv4/ipAddress/0/privateIpAddress", "127.0.0.1"),
        ("/", "compute/\nnetwork/"),
    ],
)
def test_text_form(path: str, expected: str) -> None:
    """As text, a path gives the value there or the names below it."""
    answer = get(path, "&format=text")
    assert (answer.status, answer.body.decode()) == (200, expected)
    assert answer.content_type.startswith("text/plain")


@pytest.mark.parametrize(
    ("path", "query", "expected"),
    [
        ("/compute/name", "", 400),
        ("/compute/name", "&format=json", 400),
        ("/compute", "&format=xml", 400),
        ("/compute/nothing", "", 404),
        ("/compute/name/more", "&format=text", 404),
        ("/network/interface/1", "", 404),
        ("/network/interface/x", "", 404),
        ("/network/interface/0", "", 200),
        ("/compute", "&format=json", 200),
    ],
)
def test_paths_and_formats(path: str, query: str, expected: int) -> None:
    """A single value is given as text only, an unknown format is refused, a path into nothing is 404."""
    assert get(path, query).status == expected


@pytest.mark.parametrize("version", ["", "latest", "2017-03-01", "2020-07-01", "2030-01-01"])
def test_versions_of_its_own(version: str) -> None:
    """A version that instance metadata does not have is refused with the newest ones."""
    answer = get(version=version)
    assert answer.status == 400
    assert json.loads(answer.body)["newest-versions"] == ["2025-04-07", "2024-07-17", "2024-03-15"]


def test_versions_are_listed() -> None:
    """The list of versions needs no version itself."""
    answer = respond(ask("/metadata/versions"), world())
    assert json.loads(answer.body) == {"apiVersions": list(VERSIONS)}


def test_ipv6_alone() -> None:
    """A VM whose own address is IPv6 has it among its IPv6 addresses, and no IPv4 ones."""
    six = Vm(name="six", address=Address(host="::1", port=0), source="fd00::5", zone="2", vm_id="chosen")
    here = world(topology=Topology(vms=(six,)))
    content = json.loads(respond(ask(f"{BASE}?api-version=2025-04-07", vm="six"), here).body)
    [interface] = content["network"]["interface"]
    assert interface["ipv4"]["ipAddress"] == []
    assert interface["ipv6"]["ipAddress"] == [{"privateIpAddress": "fd00::5"}]
    assert (content["compute"]["zone"], content["compute"]["vmId"]) == ("2", "chosen")
