"""The Azure layers keep the contract over Azure's SDK in its child process, TLS, and the served emulator."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from drainer.backends import azure_admin_state, azure_application_gateway, azure_ip_pool, azure_nic_pool
from drainer.testing import BackendContract, Stand
from metadata_server.topology import PoolKind
from tests.wire.azure.stands import (
    GatewayNicStand,
    ListStand,
    NicStand,
    Place,
    StateStand,
    place,
    pool,
)


@pytest.fixture(scope="module")
def served() -> Iterator[Place]:
    """Every kind of pool, and one child for all tests here."""
    with place(
        pool("web"),
        pool("egress", outbound_rule=True, inbound_rule=False),
        pool("api"),
        pool("addresses", PoolKind.IP),
        pool("front", PoolKind.GATEWAY),
    ) as found:
        yield found


class TestInterface(BackendContract):
    @pytest.fixture
    def stand(self, served: Place) -> Stand:
        return NicStand(served, azure_nic_pool.KIND, pools=("lb/web", "lb/api"))


class TestAddressPool(BackendContract):
    @pytest.fixture
    def stand(self, served: Place) -> Stand:
        return ListStand(served, azure_ip_pool.KIND, pool="lb/addresses")


class TestAdministrativeState(BackendContract):
    @pytest.fixture
    def stand(self, served: Place) -> Stand:
        return StateStand(served, azure_admin_state.KIND, pool="lb/addresses", accept_experimental=True)


class TestGatewayByInterface(BackendContract):
    @pytest.fixture
    def stand(self, served: Place) -> Stand:
        return GatewayNicStand(served, azure_application_gateway.KIND, pools=("gateway/front",))
