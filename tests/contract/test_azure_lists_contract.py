"""The layers that write a list which all VMs share keep the contract over a management API in memory."""

from __future__ import annotations

import pytest

from drainer.backends import azure_admin_state, azure_ip_pool
from drainer.testing import BackendContract, Stand
from tests.contract.azure import GatewayNicStand, GatewayStand, ListStand, StateStand


class TestAddressPool(BackendContract):
    @pytest.fixture
    def stand(self) -> Stand:
        return ListStand(azure_ip_pool.KIND)


class TestAdministrativeState(BackendContract):
    @pytest.fixture
    def stand(self) -> Stand:
        return StateStand(azure_admin_state.KIND, accept_experimental=True)


class TestGatewayByAddress(BackendContract):
    @pytest.fixture
    def stand(self) -> Stand:
        return GatewayStand()


class TestGatewayByInterface(BackendContract):
    @pytest.fixture
    def stand(self) -> Stand:
        return GatewayNicStand()
