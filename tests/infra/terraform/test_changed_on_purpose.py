"""Configurations that were broken on purpose: Terraform itself finds each, or the checks of the plan do."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.infra.terraform.checks import findings
from tests.infra.terraform.given import DEMO, changed
from tests.infra.terraform.tool import Tool

INVALID = {
    "unknown attribute": (
        "balancer.tf",
        "request_path        =",
        "request_route       =",
        'An argument named "request_route" is not expected here',
    ),
    "missing attribute": (
        "balancer.tf",
        "  backend_port                   = 80\n",
        "",
        'The argument "backend_port" is required',
    ),
    "dangling reference": (
        "network.tf",
        "nat_gateway_id = azurerm_nat_gateway.out.id\n}",
        "nat_gateway_id = azurerm_nat_gateway.way_out.id\n}",
        'A managed resource "azurerm_nat_gateway" "way_out" has not been declared',
    ),
    "unknown output attribute": (
        "outputs.tf",
        "azurerm_storage_account.demo.primary_blob_endpoint",
        "azurerm_storage_account.demo.primary_blob_address",
        'This object has no argument, nested block, or exported attribute named "primary_blob_address"',
    ),
    "wrong type": (
        "balancer.tf",
        "idle_timeout_in_minutes        = 4",
        'idle_timeout_in_minutes        = "four"',
        'Inappropriate value for attribute "idle_timeout_in_minutes": a number is required',
    ),
    "block twice": (
        "machines.tf",
        "  boot_diagnostics {}\n",
        "  boot_diagnostics {}\n  boot_diagnostics {}\n",
        "No more than 1",
    ),
    "unknown resource type": (
        "scale_set.tf",
        'resource "azurerm_orchestrated_virtual_machine_scale_set" "web"',
        'resource "azurerm_flexible_scale_set" "web"',
        'does not support resource type "azurerm_flexible_scale_set"',
    ),
    "undeclared variable": (
        "machines.tf",
        "service        = { probe = var.probe }",
        "service        = { probe = var.probing }",
        "An input variable with the name",
    ),
    "unknown input of the module": (
        "machines.tf",
        "service        = { probe = var.probe }",
        "services       = { probe = var.probe }",
        'An argument named "services" is not expected here',
    ),
}


@pytest.mark.parametrize("name", INVALID)
def test_terraform_finds(configuration: Callable[[str], Tool], name: str) -> None:
    """`validate` fails, and says what is wrong."""
    file, old, new, said = INVALID[name]
    demo = configuration("demo")
    changed(demo.directory / file, old=old, new=new)
    ran = demo.run("validate", "-no-color")
    assert ran.code == 1, ran.said
    assert said in ran.flat


UNSAFE = {
    "open SSH": (
        "demo/network.tf",
        'destination_port_range     = "80"',
        'destination_port_range     = "22"',
        "rule service: lets in by SSH",
    ),
    "a range with SSH in it": (
        "demo/network.tf",
        'destination_port_range     = "80"',
        'destination_port_range     = "1-1024"',
        "rule service: lets in by SSH",
    ),
    "open to everybody": (
        "demo/network.tf",
        "source_address_prefixes    = concat(var.client_addresses, [azurerm_public_ip.out.ip_address])",
        'source_address_prefix      = "*"',
        "rule service: open to everybody",
    ),
    "the rest let in": (
        "demo/network.tf",
        'access                     = "Deny"',
        'access                     = "Allow"',
        "the rest is not denied",
    ),
    "a role with one action more": (
        "modules/drainer/identity.tf",
        '"Microsoft.Network/locations/operations/read",',
        '"Microsoft.Network/locations/operations/read",\n"Microsoft.Compute/virtualMachines/write",',
        "role drain: Microsoft.Compute/virtualMachines/write",
    ),
    "a role with one action less": (
        "modules/drainer/identity.tf",
        '        "Microsoft.Network/natGateways/read",\n',
        "",
        "role doctor: Microsoft.Network/natGateways/read",
    ),
    "a public address on a VM": (
        "demo/machines.tf",
        '    private_ip_address_allocation = "Dynamic"\n',
        '    private_ip_address_allocation = "Dynamic"\n    public_ip_address_id = "/x"\n',
        "azurerm_network_interface.web: a public address",
    ),
    "a subnet that is not private": (
        "demo/network.tf",
        "default_outbound_access_enabled = false",
        "default_outbound_access_enabled = true",
        "the subnet is not private",
    ),
    "no NAT gateway": (
        "demo/network.tf",
        'resource "azurerm_nat_gateway_public_ip_association" "out" {\n',
        'resource "azurerm_nat_gateway_public_ip_association" "out" {\n  count = 0\n',
        "no azurerm_nat_gateway_public_ip_association",
    ),
    "no affinity": (
        "demo/balancer.tf",
        '"SourceIP"',
        '"Default"',
        "azurerm_lb_rule: load_distribution is 'Default'",
    ),
    "a rule without a probe": (
        "demo/balancer.tf",
        "  probe_id                       = azurerm_lb_probe.web.id\n",
        "",
        "azurerm_lb_rule.web: no probe",
    ),
    "storage keys": (
        "demo/storage.tf",
        "shared_access_key_enabled        = false",
        "shared_access_key_enabled        = true",
        "storage account: shared_access_key_enabled",
    ),
    "storage open to every network": (
        "demo/storage.tf",
        '= "Deny"',
        '= "Allow"',
        "storage account: open to every network",
    ),
    "a public container": (
        "demo/storage.tf",
        'container_access_type = "private"',
        'container_access_type = "blob"',
        "container fleet: blob",
    ),
}


@pytest.mark.parametrize("name", UNSAFE)
def test_the_checks_find(configuration: Callable[[str], Tool], name: str) -> None:
    """The plan is valid, and the checks say what is wrong with it."""
    file, old, new, said = UNSAFE[name]
    demo = configuration("demo")
    changed(demo.directory.parent / file, old=old, new=new)
    assert said in findings(demo.plan(DEMO))
