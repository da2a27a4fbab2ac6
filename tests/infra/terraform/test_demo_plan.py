"""What the demo comes to: a plan, checked as JSON, for each of its variants."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.infra.terraform.checks import findings, of_type, resources, written
from tests.infra.terraform.given import DEMO
from tests.infra.terraform.tool import Tool

DEBIANS = Path("/usr/share/base-passwd/group.master")
"""The groups that every Debian has."""


def test_the_default_holds_to_every_rule(shared_demo: Tool) -> None:
    """Three VMs in an availability set behind one balancer, and not one finding."""
    plan = shared_demo.plan(DEMO)
    assert findings(plan) == []
    counts = Counter(kind for kind, _, _ in resources(plan))
    assert counts["azurerm_linux_virtual_machine"] == 3
    assert counts["azurerm_network_interface_backend_address_pool_association"] == 3
    assert counts["azurerm_availability_set"] == 1
    assert counts["azurerm_storage_container"] == 2
    assert counts["azurerm_orchestrated_virtual_machine_scale_set"] == 0
    assert counts["azurerm_storage_blob"] == 0
    (_, machine), *_ = written(plan, "azurerm_linux_virtual_machine")
    assert "availability_set_id" in machine


def test_zones_spot_and_a_scale_set(shared_demo: Tool) -> None:
    """VMs go round the zones, as Spot, beside a flexible scale set that says when it scales in."""
    spot = {"priority": "Spot", "vm_size": "Standard_D2as_v5"}
    numbers = {"instances": 4, "scale_set_instances": 2}
    plan = shared_demo.plan({**DEMO, "placement": "zones", **spot, **numbers})
    assert findings(plan) == []
    vms = of_type(plan, "azurerm_linux_virtual_machine")
    assert sorted(vm["zone"] for vm in vms) == ["1", "1", "2", "3"]
    assert {(vm["priority"], vm["eviction_policy"]) for vm in vms} == {("Spot", "Deallocate")}
    assert of_type(plan, "azurerm_availability_set") == []
    (flexible,) = of_type(plan, "azurerm_orchestrated_virtual_machine_scale_set")
    assert (flexible["instances"], flexible["zones"]) == (2, ["1", "2", "3"])
    assert flexible["termination_notification"] == [{"enabled": True, "timeout": "PT5M"}]
    (address,) = [values for values in of_type(plan, "azurerm_public_ip") if "service" in values["name"]]
    assert address["zones"] == ["1", "2", "3"]


@pytest.mark.skipif(
    not DEBIANS.exists(), reason="Debian's package base-passwd, which names its groups, is missing"
)
def test_the_account_is_none_of_debians_own(shared_demo: Tool) -> None:
    """cloud-init makes it with a group of its name: useradd refuses where the image has such a group."""
    plan = shared_demo.plan({**DEMO, "scale_set_instances": 1})
    names = {values["admin_username"] for values in of_type(plan, "azurerm_linux_virtual_machine")}
    (flexible,) = of_type(plan, "azurerm_orchestrated_virtual_machine_scale_set")
    names.add(flexible["os_profile"][0]["linux_configuration"][0]["admin_username"])
    there = {line.split(":")[0] for line in DEBIANS.read_text(encoding="utf-8").splitlines()}
    assert "operator" in there
    assert not names & there


def test_a_package_file_goes_through_the_storage_account(shared_demo: Tool, tmp_path: Path) -> None:
    """It is put there under a name of its content, and the VMs may read it by their identity."""
    package = tmp_path / "drainer_0.1.0_amd64.deb"
    package.write_bytes(b"a package")
    file = {"package_url": None, "package_sha256": None, "package_file": str(package)}
    plan = shared_demo.plan({**DEMO, **file})
    assert findings(plan) == []
    (blob,) = of_type(plan, "azurerm_storage_blob")
    assert blob["name"] == f"drainer-{hashlib.sha256(b'a package').hexdigest()[:12]}.deb"
    assert blob["source"] == str(package)
    names = {values.get("role_definition_name") for values in of_type(plan, "azurerm_role_assignment")}
    assert {"Storage Blob Data Reader", "Storage Blob Data Contributor"} <= names


def test_the_probe_of_the_sidecar(shared_demo: Tool) -> None:
    """Where the application cannot read the marker the balancer asks the sidecar's own unit."""
    plan = shared_demo.plan({**DEMO, "probe": "sidecar"})
    assert findings(plan) == []
    (probe,) = of_type(plan, "azurerm_lb_probe")
    assert (probe["port"], probe["request_path"]) == (9180, "/ready")
    (group,) = of_type(plan, "azurerm_network_security_group")
    (probes,) = [rule for rule in group["security_rule"] if rule["name"] == "probes"]
    assert (probes["destination_port_range"], probes["source_address_prefix"]) == (
        "9180",
        "AzureLoadBalancer",
    )


REFUSED: dict[str, list[tuple[dict[str, Any], str]]] = {
    "one of each": [
        ({"instances": 1}, "instances: expected 2 to 10"),
        ({"zones": ["4"]}, "zones: expected some of 1, 2 and 3"),
        ({"scale_set_instances": -1}, "scale_set_instances: expected 0 to 10"),
        ({"client_addresses": ["0.0.0.0/0"]}, "client_addresses: expected IPv4 addresses"),
        ({"admin_ssh_public_key": "-----BEGIN OPENSSH"}, "admin_ssh_public_key: expected an ssh-rsa"),
        ({"subscription_id": "mine"}, "subscription_id: expected a lower-case GUID"),
        ({"name": "Drainer"}, "name: expected 3 to 24"),
        ({"location": "West Europe"}, "location: expected a region's short name"),
        ({"vm_size": "big"}, "vm_size: expected a size"),
        ({"image_version": "newest"}, "image_version: expected latest"),
        ({"probe": "nobody"}, "probe: expected application or sidecar"),
        ({"package_file": "/nowhere.deb"}, "package_file: no such file"),
    ],
    "others": [
        ({"instances": 2.5}, "instances: expected 2 to 10"),
        ({"priority": "Spot"}, "priority: Spot needs placement zones"),
        ({"client_addresses": []}, "client_addresses: expected IPv4 addresses"),
        ({"package_url": None}, "package_url: expected exactly one of package_url and package_file"),
    ],
    "an address of IPv6": [
        ({"client_addresses": ["2001:db8::"]}, "client_addresses: expected IPv4 addresses")
    ],
    "an address written otherwise": [
        ({"client_addresses": ["203.0.113.007"]}, "client_addresses: expected IPv4 addresses")
    ],
    "an address that only its own network knows": [
        ({"client_addresses": ["203.0.113.7", "172.31.0.4"]}, "as the internet sees them")
    ],
    "an Arm VM": [({"vm_size": "Standard_E4-2pds_v5"}, "vm_size: expected x86-64")],
    "a placement": [({"placement": "anywhere"}, "placement: expected availability-set or zones")],
    "a Spot VM of the B series": [
        ({"priority": "Spot", "placement": "zones"}, "vm_size: Spot needs a size outside the B series")
    ],
    "a priority": [({"priority": "Cheap"}, "priority: expected Regular or Spot")],
    "a package without a checksum": [({"package_sha256": None}, "package_sha256: expected with package_url")],
    "a checksum that is none": [({"package_sha256": "A" * 64}, "a package is never installed unchecked")],
    "a package by http": [({"package_url": "http://a/d.deb"}, "package.url: expected an https:// address")],
    "a package with a command": [
        ({"package_url": "https://a/'$(id)'.deb"}, "package.url: expected an https:// address")
    ],
}


@pytest.mark.parametrize("name", REFUSED)
def test_refuses(shared_demo: Tool, name: str) -> None:
    """A variable that makes no sense ends the plan, by name; each of several is told."""
    given = dict(DEMO)
    for variables, _ in REFUSED[name]:
        given |= variables
    shared_demo.given(given)
    ran = shared_demo.run("plan", "-no-color", "-input=false")
    assert ran.code == 1
    for _, said in REFUSED[name]:
        assert said in ran.flat
