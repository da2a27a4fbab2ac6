"""Which pools a policy means; and where there is no management API, every call says so."""

from __future__ import annotations

from datetime import timedelta

import pytest

from drainer.azure.choice import Scope, check_pools, means
from drainer.backends import azure_admin_state, azure_application_gateway, azure_ip_pool, azure_nic_pool
from drainer.clock import ManualClock
from drainer.core.model import Membership
from drainer.errors import Refused
from drainer.ports import Backend
from drainer.testing.stand import surroundings
from tests.azure_documents import pool_id


def test_a_pool_is_meant_by_its_short_name_or_its_id() -> None:
    """Case means nothing; another pool of the same name in another balancer is not meant."""
    assert means(pool_id("web"), ("LB/Web",))
    assert means(pool_id("web"), ("x/y", pool_id("web").upper()))
    assert not means(pool_id("web"), ("other/web", "web"))
    assert not means("web", ("lb/web",))


@pytest.mark.parametrize("pools", [Scope.INBOUND, ("lb/web",), (pool_id("web"),)])
def test_names_that_can_be_pools_pass(pools: Scope | tuple[str, ...]) -> None:
    """Inbound, short names and ids are accepted."""
    check_pools(pools, kind="BALANCER")


@pytest.mark.parametrize("pools", [(), ("web",), ("lb/",), ("/web",), ("a/b/c",)])
def test_names_that_cannot_are_refused(pools: tuple[str, ...]) -> None:
    """What names no pool is an error of the policy, at its field."""
    with pytest.raises(ValueError, match="pools: expected"):
        azure_nic_pool.Options(pools=pools)


def test_reading_all_the_time_is_refused() -> None:
    """A reading costs something: at most one a second."""
    with pytest.raises(ValueError, match=r"read_every: expected 1s or more, got 0\.5s"):
        azure_nic_pool.Options(read_every=timedelta(seconds=0.5))


LAYERS = [
    (azure_nic_pool, azure_nic_pool.Options()),
    (azure_ip_pool, azure_ip_pool.Options(pool="lb/p")),
    (azure_admin_state, azure_admin_state.Options(pool="lb/p", accept_experimental=True)),
    (azure_application_gateway, azure_application_gateway.Options()),
]


@pytest.mark.parametrize(("kind", "options"), LAYERS, ids=lambda each: getattr(each, "__name__", ""))
def test_without_a_management_api_a_layer_says_so(kind: object, options: object) -> None:
    """It is built, rests and closes as ever, and every verb is refused with the reason."""
    layer: Backend = kind.build(options, surroundings(ManualClock()))  # type: ignore[attr-defined]
    was = Membership(entries=())
    for verb in (layer.membership, layer.cordon, lambda: layer.restore(was)):
        with pytest.raises(Refused, match="no management API") as refused:
            verb()
        assert refused.value.kind == "azure-unreachable"
    assert layer.undo()
    layer.rest()  # type: ignore[attr-defined]
    layer.close()
