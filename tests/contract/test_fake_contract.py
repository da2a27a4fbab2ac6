"""The fake is the contract's reference."""

from __future__ import annotations

import pytest

from drainer.backends.fake import Balancer, FakeBackend, Fault
from drainer.testing import BackendContract, Stand


class FakeStand(Stand):
    entries = ("web/vm1", "api/vm1")

    def __init__(self, *, reads_until_out: int = 0) -> None:
        super().__init__()
        self.balancer = Balancer(self.entries)
        self.balancer.reads_until_out = reads_until_out
        self.last: FakeBackend | None = None

    def connect(self) -> FakeBackend:
        self.last = FakeBackend(self.balancer, self.clock)
        return self.last

    def take_out(self, entry: str) -> None:
        self.balancer.take_out(entry)

    def put_in(self, entry: str) -> None:
        self.balancer.put_in(entry)

    def remove(self, entry: str) -> None:
        self.balancer.remove(entry)

    def others(self) -> object:
        return self.balancer.others

    def sever(self) -> None:
        self.balancer.readable = False

    def lose_next_answer(self) -> None:
        assert self.last is not None
        self.last.arm(Fault.LOST_AFTER)


class TestFake(BackendContract):
    @pytest.fixture
    def stand(self) -> Stand:
        return FakeStand()


class TestFakeThatTakesTime(BackendContract):
    @pytest.fixture
    def stand(self) -> Stand:
        return FakeStand(reads_until_out=3)
