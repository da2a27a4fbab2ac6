"""An apply in the middle of an episode: what it would change, and what it leaves alone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.infra.terraform.given import DEMO, changed
from tests.infra.terraform.tool import Tool
from tests.infra.terraform.world import Json, World, unchanged

ASSOCIATION = "azurerm_network_interface_backend_address_pool_association"
INTERFACE = "azurerm_network_interface"
MARK = {"drainer-out-1": '{"v":1}', "drainer-out-2": "…", "drainer-undo-1": "az network nic …"}


@pytest.fixture
def applied(applied_once: Tool, tmp_path: Path, world: World) -> Tool:
    """A copy of it, for one test to change."""
    world.finds = unchanged
    copy = shutil.copytree(applied_once.directory.parent, tmp_path / "terraform")
    return Tool(directory=copy / "demo", reattach=applied_once.reattach)


def first_vm_is_out(type_name: str, state: Json) -> Json | None:
    """The sidecar of the first VM has taken its interface out of the pool, and marked it."""
    if type_name == ASSOCIATION and state["network_interface_id"].endswith("web-1"):
        return None
    if type_name == INTERFACE and state["name"].endswith("web-1"):
        return {**state, "tags": {**state["tags"], **MARK}}
    return state


def changes(plan: Json) -> dict[str, list[str]]:
    """What a plan would do, by address."""
    return {
        change["address"]: change["change"]["actions"]
        for change in plan["resource_changes"]
        if change["change"]["actions"] not in (["no-op"], ["read"])
    }


def test_a_quiet_fleet_is_left_alone(applied: Tool) -> None:
    """Applied again, with every VM in its pool, nothing changes."""
    assert changes(applied.plan(DEMO)) == {}


def test_the_association_is_made_again_and_nothing_else(applied: Tool, world: World) -> None:
    """Terraform would put the VM back into the pool, and leave its interface with the mark."""
    world.finds = first_vm_is_out
    assert changes(applied.plan(DEMO)) == {f'{ASSOCIATION}.web["1"]': ["create"]}


def test_without_ignore_changes_the_mark_would_go(applied: Tool, world: World) -> None:
    """Were the tags not ignored, the same plan would also remove what a rescue reads."""
    changed(applied.directory / "machines.tf", old="ignore_changes = [tags]", new="ignore_changes = []")
    world.finds = first_vm_is_out
    assert changes(applied.plan(DEMO)) == {
        f'{ASSOCIATION}.web["1"]': ["create"],
        f'{INTERFACE}.web["1"]': ["update"],
    }


def test_another_package_replaces_no_machine(applied: Tool) -> None:
    """VMs are not all replaced at once because what they install at their first boot has changed."""
    assert changes(applied.plan({**DEMO, "package_sha256": "b" * 64})) == {}


def test_no_secret_is_in_the_state(applied: Tool) -> None:
    """Nothing that we give to Terraform is a password, a key or a token, and nothing secret is invented."""
    state = (applied.directory / "terraform.tfstate").read_text()
    resources = json.loads(state)["resources"]
    words = ("password", "secret", "access_key", "connection_string", "token", "private_key")
    for resource in resources:
        for instance in resource["instances"]:
            for name, value in instance["attributes"].items():
                if any(word in name for word in words) and not isinstance(value, bool):
                    assert not value, f"{resource['type']}.{name}"
