"""What the balancers' marks say where the journal is gone."""

from __future__ import annotations

from datetime import timedelta

from drainer.backends.fake import Balancer, FakeBackend
from drainer.clock import ManualClock
from drainer.core.model import Entry, Membership, Standing, Vm
from drainer.errors import Transient
from drainer.lostjournal import PATIENCE, Search
from drainer.ports import Mark

TAKEN = Membership(entries=(Entry(name="web", standing=Standing.IN),))


class Marked(FakeBackend):
    """A balancer with a mark, which may take a few asks."""

    def __init__(self, clock: ManualClock, mark: Mark | None, *, slow: int = 0) -> None:
        super().__init__(Balancer(("web",)), clock)
        self.name = "marked"
        self.asked = 0
        self._mark, self._slow = mark, slow

    def mark(self) -> Mark | None:
        self.asked += 1
        if self.asked <= self._slow:
            raise Transient("azure-slow", "no answer yet")
        return self._mark


def search(*layers: FakeBackend, clock: ManualClock) -> Search:
    return Search(clock=clock, layers=layers, vm=Vm(name="vm1", id="ID-1"))


def test_our_own_mark_is_found() -> None:
    """A mark with this VM's id, in any case, or with none, is ours; it names what was taken."""
    clock = ManualClock()
    for vm_id in ("id-1", ""):
        found = search(Marked(clock, Mark(vm_id=vm_id, entries=TAKEN, since="")), clock=clock)
        assert found.look()
        assert found.ours == {"marked": TAKEN}


def test_a_mark_of_another_vm_is_not_ours() -> None:
    """A copied interface, or one that moved: nothing of it is claimed."""
    clock = ManualClock()
    found = search(Marked(clock, Mark(vm_id="id-2", entries=TAKEN, since="")), clock=clock)
    assert found.look()
    assert found.ours == {}


def test_a_slow_balancer_is_waited_for_with_patience() -> None:
    """It is asked again until it says; a layer without marks is never waited for."""
    clock = ManualClock()
    slow = Marked(clock, Mark(vm_id="", entries=TAKEN, since=""), slow=2)
    found = search(FakeBackend(Balancer(("web",)), clock), slow, clock=clock)
    assert [found.look(), found.look(), found.look()] == [False, False, True]
    assert found.ours == {"marked": TAKEN}
    assert not found.unanswered


def test_a_balancer_that_never_says_does_not_hold_the_daemon() -> None:
    """Past its patience the search is over, and says whose mark was not read and why."""
    clock = ManualClock()
    found = search(Marked(clock, None, slow=1000), clock=clock)
    assert not found.look()
    clock.advance(PATIENCE + timedelta(seconds=1))
    assert found.look()
    assert found.unanswered == {"marked": "no answer yet"}
