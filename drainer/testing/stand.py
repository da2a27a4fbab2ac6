"""What a contract suite needs of the balancer under test: a stand to put the adapter on.

A subclass says how its balancer is read and operated from outside; what it cannot do is skipped by name.
"""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from drainer.clock import ManualClock
from drainer.ports import Backend, Clock, Surroundings


def surroundings(clock: Clock, *, vm: str = "vm1", ports: tuple[int, ...] = (80,)) -> Surroundings:
    """What wiring would give a backend."""
    return Surroundings(clock=clock, vm_name=lambda: vm, service_ports=ports)


class Stand:
    """One balancer in which this VM is a member and takes work, through each of `entries`."""

    entries: tuple[str, ...] = ()

    def __init__(self) -> None:
        self.clock = ManualClock()

    def connect(self) -> Backend:
        """A fresh adapter onto the same balancer, as after a restart of the daemon."""
        raise NotImplementedError

    def take_out(self, entry: str) -> None:
        """An operator takes this entry out, past the adapter."""
        raise NotImplementedError

    def put_in(self, entry: str) -> None:
        """An operator puts this entry back, past the adapter."""
        raise NotImplementedError

    def remove(self, entry: str) -> None:
        """An operator deletes this entry."""
        pytest.skip("this balancer's entries cannot be deleted")

    def others(self) -> object:
        """What the balancer holds of others: compared before and after."""
        return None

    def sever(self) -> None:
        """From now on the balancer cannot be reached."""
        raise NotImplementedError

    def lose_next_answer(self) -> None:
        """The next write takes effect and its answer is lost."""
        pytest.skip("this stand cannot lose an answer")

    def wait(self) -> None:
        """Let the balancer's time pass, a little."""
        self.clock.advance(timedelta(seconds=1))
        threading.Event().wait(0.005)
