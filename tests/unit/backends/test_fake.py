"""The fake balancer's faults and options."""

from __future__ import annotations

import pytest

from drainer.backends.fake import KIND, SETTLES_IN, Balancer, FakeBackend, Fault, Options
from drainer.clock import ManualClock
from drainer.core.model import Done, Face, InFlight, Unmeasured
from drainer.errors import Transient
from drainer.testing import surroundings


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def balancer() -> Balancer:
    return Balancer(("a", "b"))


@pytest.fixture
def backend(balancer: Balancer, clock: ManualClock) -> FakeBackend:
    return FakeBackend(balancer, clock)


@pytest.mark.parametrize(
    ("fault", "face"),
    [
        (Fault.LOST_BEFORE, Face.IN),
        (Fault.LOST_AFTER, Face.OUT),
        (Fault.PARTIAL, Face.PARTIAL),
        (Fault.LANDS_LATE, Face.IN),
    ],
)
def test_a_fault_befalls_one_verb(backend: FakeBackend, fault: Fault, face: Face) -> None:
    """Each fault raises Transient once, having acted as far as it says."""
    backend.arm(fault)
    with pytest.raises(Transient):
        backend.cordon()
    assert backend.membership().face is face
    assert backend.cordon() == Done()


def test_a_late_write_lands_within_settles_in(backend: FakeBackend, clock: ManualClock) -> None:
    """A write that lands late has landed once `settles_in` is over."""
    backend.arm(Fault.LANDS_LATE)
    with pytest.raises(Transient):
        backend.cordon()
    clock.advance(SETTLES_IN)
    assert backend.membership().face is Face.OUT


def test_a_late_write_lands_after_a_reboot(backend: FakeBackend, clock: ManualClock) -> None:
    """A write in the air outlives the VM that sent it."""
    backend.arm(Fault.LANDS_LATE)
    with pytest.raises(Transient):
        backend.cordon()
    clock.reboot(boot="boot-2", took=SETTLES_IN)
    assert backend.membership().face is Face.OUT


def test_a_late_write_spares_what_was_deleted(
    backend: FakeBackend, balancer: Balancer, clock: ManualClock
) -> None:
    """A write that lands on a deleted entry does not bring it back."""
    backend.arm(Fault.LANDS_LATE)
    with pytest.raises(Transient):
        backend.cordon()
    balancer.remove("a")
    clock.advance(SETTLES_IN)
    assert [entry.name for entry in backend.membership().entries] == ["b"]


def test_leaving_takes_so_many_readings(backend: FakeBackend, balancer: Balancer) -> None:
    """An entry on its way out reads Leaving as often as asked for, then Out."""
    balancer.reads_until_out = 2
    backend.cordon()
    faces = [backend.membership().face for _ in range(3)]
    assert faces == [Face.LEAVING, Face.LEAVING, Face.OUT]


def test_an_operator_may_delete_what_is_leaving(backend: FakeBackend, balancer: Balancer) -> None:
    """A deleted entry is forgotten, also while it was leaving."""
    balancer.reads_until_out = 1
    backend.cordon()
    balancer.remove("a")
    balancer.remove("b")
    assert [backend.membership().entries for _ in range(3)] == [(), (), ()]


def test_a_restart_forgets_the_cordon_and_changes_the_generation(
    backend: FakeBackend, balancer: Balancer
) -> None:
    """A balancer that restarts takes the VM back, and says that it is another."""
    before = backend.membership().generation
    backend.cordon()
    balancer.restart()
    read = backend.membership()
    assert read.face is Face.IN
    assert read.generation != before


def test_unreadable_raises_and_counts_nothing(backend: FakeBackend, balancer: Balancer) -> None:
    """A balancer that gives no answer is Transient to read and Unmeasured to count."""
    balancer.readable = False
    with pytest.raises(Transient):
        backend.membership()
    assert isinstance(backend.in_flight(), Unmeasured)


def test_sessions_are_counted(backend: FakeBackend, balancer: Balancer) -> None:
    """Work in flight is what the balancer counts."""
    balancer.sessions = 3
    assert backend.in_flight() == InFlight(count=3)


def test_without_a_soft_cordon_removal_is_the_cordon(clock: ManualClock) -> None:
    """A layer that only isolates cordons by isolating."""
    options = Options(entries=("a",), cordons=False, others=1)
    backend = KIND.build(options, surroundings(clock))
    assert (backend.cordons, backend.isolates) == (False, True)
    assert backend.cordon() == Done()
    assert all(entry.isolated for entry in backend.membership().entries)
    assert backend.in_service_count() == 1


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"entries": ("a", "a")}, "entries"),
        ({"cordons": False, "isolates": False}, "cordons"),
        ({"others": -1}, "others"),
    ],
)
def test_wrong_options_name_their_field(wrong: dict[str, object], field: str) -> None:
    """An option that makes no sense is refused by its name."""
    with pytest.raises(ValueError, match=rf"^{field}: expected .*, got "):
        Options(**wrong)  # type: ignore[arg-type]
