"""What a plan of ours must hold to, beyond being valid: each check lists what it finds wrong."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from tests.infra.terraform.world import Json

SSH = 22


def resources(plan: Json) -> Iterator[tuple[str, str, Json]]:
    """Type, address and planned values of each resource, those of modules too."""
    pending = [plan["planned_values"]["root_module"]]
    while pending:
        module = pending.pop()
        pending += module.get("child_modules", [])
        for resource in module.get("resources", []):
            yield resource["type"], resource["address"], resource["values"]


def written(plan: Json, type_name: str) -> Iterator[tuple[str, Json]]:
    """Address and expressions, as the configuration writes them, of each resource of a type."""
    pending = [plan["configuration"]["root_module"]]
    while pending:
        module = pending.pop()
        pending += [call["module"] for call in module.get("module_calls", {}).values()]
        for resource in module.get("resources", []):
            if resource["type"] == type_name:
                yield resource["address"], resource.get("expressions", {})


def of_type(plan: Json, type_name: str) -> list[Json]:
    return [values for kind, _, values in resources(plan) if kind == type_name]


@functools.cache
def printed_roles() -> dict[str, frozenset[str]]:
    """The actions of each role, by name, as `drainer doctor --roles` prints them."""
    command = [sys.executable, "-m", "drainer", "doctor", "--roles"]
    lines = subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=True
    ).stdout.splitlines()
    printed = [json.loads(line) for line in lines]
    return {role["Name"].removeprefix("drainer "): frozenset(role["Actions"]) for role in printed}


def roles(plan: Json) -> Iterator[str]:
    """The two roles, with exactly the actions that `drainer doctor --roles` prints."""
    planned = {values["name"].split()[1]: values for values in of_type(plan, "azurerm_role_definition")}
    if set(planned) != {"drain", "doctor"}:
        yield f"roles: {sorted(planned)}"
    for name, values in planned.items():
        actions = {action for part in values["permissions"] for action in part["actions"]}
        for action in sorted(actions ^ printed_roles().get(name, frozenset())):
            yield f"role {name}: {action}"
        for part in values["permissions"]:
            if part["not_actions"] or part.get("data_actions"):
                yield f"role {name}: more than actions"


def public_addresses(plan: Json) -> Iterator[str]:
    """No interface has a public address of its own."""
    for address, expressions in written(plan, "azurerm_network_interface"):
        for configuration in expressions["ip_configuration"]:
            if "public_ip_address_id" in configuration:
                yield f"{address}: a public address"
    for address, expressions in written(plan, "azurerm_orchestrated_virtual_machine_scale_set"):
        if "public_ip_address" in json.dumps(expressions):
            yield f"{address}: a public address"


def ways_in(plan: Json) -> Iterator[str]:
    """The service's port is open to named addresses, the probe's to the prober; all else is denied."""
    for group in of_type(plan, "azurerm_network_security_group"):
        rules = [rule for rule in group["security_rule"] if rule["direction"] == "Inbound"]
        for rule in rules:
            if rule["access"] == "Allow":
                yield from _open(rule)
        last = max(rules, key=lambda rule: rule["priority"])
        if (last["access"], last["source_address_prefix"], last["protocol"]) != ("Deny", "*", "*"):
            yield "the rest is not denied"


def _open(rule: Json) -> Iterator[str]:
    ports = [rule["destination_port_range"], *(rule.get("destination_port_ranges") or [])]
    for port in filter(None, ports):
        low, _, high = port.partition("-")
        if port == "*" or int(low) <= SSH <= int(high or low):
            yield f"rule {rule['name']}: lets in by SSH"
        if port == "*" or high:
            yield f"rule {rule['name']}: opens more than one port"
    if rule.get("source_address_prefix") in ("*", "Internet", "0.0.0.0/0"):
        yield f"rule {rule['name']}: open to everybody"


def way_out(plan: Json) -> Iterator[str]:
    """The subnet is private, and has a NAT gateway with an address, and a security group."""
    for subnet in of_type(plan, "azurerm_subnet"):
        if subnet["default_outbound_access_enabled"] is not False:
            yield "the subnet is not private"
    for kind in (
        "azurerm_subnet_nat_gateway_association",
        "azurerm_nat_gateway_public_ip_association",
        "azurerm_subnet_network_security_group_association",
    ):
        if not of_type(plan, kind):
            yield f"no {kind}"


def balancer(plan: Json) -> Iterator[str]:
    """A Standard balancer with source-IP affinity and an HTTP probe, which is not the way out."""
    wanted: dict[str, dict[str, Any]] = {
        "azurerm_lb": {"sku": "Standard"},
        "azurerm_lb_rule": {
            "load_distribution": "SourceIP",
            "disable_outbound_snat": True,
            "tcp_reset_enabled": True,
        },
        "azurerm_lb_probe": {"protocol": "Http"},
    }
    for kind, traits in wanted.items():
        for values in of_type(plan, kind):
            for name, value in traits.items():
                if values[name] != value:
                    yield f"{kind}: {name} is {values[name]!r}"
    for address, expressions in written(plan, "azurerm_lb_rule"):
        if "probe_id" not in expressions:
            yield f"{address}: no probe"


def machines(plan: Json) -> Iterator[str]:
    """VMs take keys only, and carry the sidecar's identity and no other."""
    for address, expressions in written(plan, "azurerm_linux_virtual_machine"):
        identity = expressions["identity"][0]
        if "module.drainer.identity_id" not in identity["identity_ids"]["references"]:
            yield f"{address}: not the sidecar's identity"
        if "admin_password" in expressions:
            yield f"{address}: a password"
    for values in of_type(plan, "azurerm_linux_virtual_machine"):
        if values["disable_password_authentication"] is not True:
            yield "a VM takes passwords"


def storage(plan: Json) -> Iterator[str]:
    """The account takes no keys, is closed but to named addresses, and shows nothing to everybody."""
    for values in of_type(plan, "azurerm_storage_account"):
        closed = ("shared_access_key_enabled", "allow_nested_items_to_be_public", "local_user_enabled")
        yield from (f"storage account: {name}" for name in closed if values[name] is not False)
        if values["network_rules"][0]["default_action"] != "Deny":
            yield "storage account: open to every network"
    for values in of_type(plan, "azurerm_storage_container"):
        if values["container_access_type"] != "private":
            yield f"container {values['name']}: {values['container_access_type']}"


ALL = (roles, public_addresses, ways_in, way_out, balancer, machines, storage)


def findings(plan: Json) -> list[str]:
    """Everything that is wrong with a plan of the demo."""
    return [finding for check in ALL for finding in check(plan)]
