"""Which rights a policy needs, and whether an answer grants them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from drainer.azure.rights import allows, missing, path
from drainer.azure.roles import DRAIN, JOIN_POOL, JOINS, ROLES, Need, definition, needed, roles_for
from metadata_server.arm import roles as emulated

NIC = "/nic"
POOL = "/lb/backendAddressPools/web"


def test_a_join_is_needed_only_for_what_the_interface_names() -> None:
    """Each reference of the interface asks for its own join, and for no other."""
    needs = needed(["azure-nic-pool"], "/vm", interface())
    assert [need.action.rpartition("Network/")[2] for need in needs] == [
        "Microsoft.Compute/virtualMachines/read",
        "networkInterfaces/read",
        "networkInterfaces/write",
        "networkSecurityGroups/join/action",
        "virtualNetworks/subnets/join/action",
        "loadBalancers/backendAddressPools/join/action",
        "loadBalancers/read",
    ]
    assert Need(action=JOIN_POOL, scope=POOL) in needs
    assert {need.action for need in needs} <= set(DRAIN)


def test_layers_that_write_the_pool_need_more() -> None:
    """A layer that writes a whole pool asks for that right, and for the wider role."""
    actions = {need.action for need in needed(["azure-ip-pool"], "/vm", interface())}
    assert "Microsoft.Network/loadBalancers/backendAddressPools/write" in actions
    assert actions <= {*DRAIN, *ROLES["drain-pool"]}
    assert roles_for(["health-probe", "azure-ip-pool"]) == ("drain", "drain-pool", "doctor")
    assert roles_for(["azure-application-gateway"]) == ("drain", "drain-gateway", "doctor")
    assert roles_for(["azure-nic-pool"]) == ("drain", "doctor")


@pytest.mark.parametrize("role", ROLES)
def test_the_page_lists_every_action(role: str) -> None:
    """docs/azure.md has each role's actions, and no other."""
    page = (Path(__file__).parents[3] / "docs" / "azure.md").read_text(encoding="utf-8")
    section = page.split(f"### drainer {role}\n")[1].split("\n#")[0]
    assert re.findall(r"^- `(Microsoft\.\S+)`", section, re.MULTILINE) == list(ROLES[role])


@pytest.mark.parametrize("role", ROLES)
def test_the_emulator_enforces_the_same_roles(role: str) -> None:
    """What the emulated management API lets each role do is what is documented."""
    assert set(emulated.ROLES[role]) == set(ROLES[role])


@pytest.mark.parametrize("role", ROLES)
def test_a_role_reads_as_the_command_line_wants_it(role: str) -> None:
    """The document names the role, its actions once each, and the scope; the doctor's role only reads."""
    document = definition(role, "/subscriptions/s")
    assert document["Name"] == f"drainer {role}"
    assert document["AssignableScopes"] == ["/subscriptions/s"]
    assert len(set(document["Actions"])) == len(document["Actions"])
    if role == "doctor":
        assert all(action.endswith("/read") for action in document["Actions"])


@pytest.mark.parametrize(
    ("actions", "excluded", "allowed"),
    [
        ([JOIN_POOL], [], True),
        ([JOIN_POOL.upper()], [], True),
        (["*"], [], True),
        (["Microsoft.Network/loadBalancers/*"], [], True),
        (["Microsoft.Network/*/join/action"], [], True),
        (["Microsoft.Network/*"], ["Microsoft.Network/loadBalancers/*/action"], False),
        (["*/read"], [], False),
        (["Microsoft.Network/loadBalancers/backendAddressPools/join"], [], False),
        ([], [], False),
    ],
)
def test_wildcards_and_exclusions(actions: list[str], excluded: list[str], allowed: bool) -> None:
    """Wildcards match any run of characters without case, and an exclusion takes away."""
    answer = {"value": [{"actions": actions, "notActions": excluded}]}
    assert allows(answer, JOIN_POOL) is allowed


def test_one_role_may_give_what_another_excludes() -> None:
    """An exclusion narrows its own role and denies nothing that another role gives."""
    wide = {"actions": ["*"], "notActions": [JOIN_POOL]}
    assert allows({"value": [wide, {"actions": [JOIN_POOL]}]}, JOIN_POOL)


@pytest.mark.parametrize("answer", [{}, {"value": None}, {"value": ["x", {"actions": "x"}]}])
def test_an_odd_answer_grants_nothing(answer: dict[str, object]) -> None:
    """What has not the documented shape allows nothing."""
    assert not allows(answer, JOIN_POOL)


def test_missing_rights_are_named_for_scopes_that_were_read() -> None:
    """A right is missing where its scope was read and does not grant it; an unread scope says nothing."""
    needs = (Need(action=JOIN_POOL, scope=POOL), Need(action=JOINS["subnet"], scope="/unread"))
    assert missing({POOL: {"value": [{"actions": ["*/read"]}]}}, needs) == needs[:1]
    assert path(POOL) == f"{POOL}/providers/Microsoft.Authorization/permissions"


def interface() -> dict[str, object]:
    config = {
        "subnet": {"id": "/s"},
        "loadBalancerBackendAddressPools": [{"id": POOL}],
        "publicIPAddress": None,
    }
    return {
        "id": NIC,
        "properties": {"networkSecurityGroup": {"id": "/nsg"}, "ipConfigurations": [{"properties": config}]},
    }
