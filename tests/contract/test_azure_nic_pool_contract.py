"""azure-nic-pool keeps the contract over a management API in memory."""

from __future__ import annotations

import pytest

from drainer.backends import azure_nic_pool
from drainer.ports import Backend
from drainer.testing import BackendContract, Stand
from tests.contract.azure import NicStand


class TestNamedPools(BackendContract):
    @pytest.fixture
    def stand(self) -> Stand:
        return NicStand()


class TestOperationsThatTakeTime(BackendContract):
    @pytest.fixture
    def stand(self) -> Stand:
        return NicStand(polls=4)


class InboundStand(NicStand):
    """Which pools are meant is found from the rules; what left before the first look is nobody's to know."""

    def __init__(self) -> None:
        super().__init__(options=azure_nic_pool.Options())

    def connect(self) -> Backend:
        backend = super().connect()
        backend.membership()
        return backend


class TestInboundPools(BackendContract):
    @pytest.fixture
    def stand(self) -> Stand:
        return InboundStand()
