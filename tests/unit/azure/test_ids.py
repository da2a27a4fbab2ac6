"""Resource ids: case never matters, and people read the short form."""

from __future__ import annotations

import pytest

from drainer.azure.ids import key, named, parent, same, short, spelled

POOL = (
    "/subscriptions/S/resourceGroups/RG/providers/Microsoft.Network/loadBalancers/LB/backendAddressPools/web"
)
NIC = "/subscriptions/S/resourceGroups/RG/providers/Microsoft.Network/networkInterfaces/nic"


def test_an_id_is_taken_apart() -> None:
    """Subscription, group, kind and names are read from an id."""
    found = named(POOL)
    assert found is not None
    assert (found.subscription, found.group, found.short) == ("S", "RG", "LB/web")
    assert found.kind == "microsoft.network/loadbalancers/backendaddresspools"


@pytest.mark.parametrize("text", ["", "lb/web", "/subscriptions/S", POOL + "/x", "/a/b/c/d/e/f/g/h"])
def test_other_text_is_no_id(text: str) -> None:
    """What is no resource id is none, and is its own name."""
    assert named(text) is None
    assert short(text) == text


def test_case_and_slashes_mean_nothing() -> None:
    """Two spellings of one id are the same, and have one key."""
    assert same(POOL, POOL.upper() + "/")
    assert key(POOL) == key(POOL.upper() + "/")
    assert not same(POOL, NIC)


def test_a_child_has_a_parent() -> None:
    """A pool's parent is its balancer."""
    assert parent(POOL).endswith("/loadBalancers/LB")


def test_a_policys_name_is_spelled_out_beside_the_interface() -> None:
    """BALANCER/POOL is taken to be in the interface's group; an id stays as it is."""
    spell = {"beside": NIC, "provider": "loadBalancers", "child": "backendAddressPools"}
    assert spelled("LB/web", **spell) == POOL
    assert spelled(POOL, **spell) == POOL
    assert spelled("LB/web", **{**spell, "beside": "nic"}) == "LB/web"
