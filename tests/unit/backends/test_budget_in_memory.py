"""Details of the budget in memory, of the one without limits, and of approvals."""

from __future__ import annotations

from datetime import timedelta

import pytest

from drainer.approvals import MemoryApprovals
from drainer.budgets.memory import ASK_AGAIN, LASTS, Ledger, MemoryBudget
from drainer.budgets.unlimited import Unlimited
from drainer.clock import ManualClock
from drainer.core.model import Denied, Granted, Phase, later


@pytest.mark.parametrize(
    ("held", "ended", "granted"),
    [(0, 0, True), (1, 0, True), (2, 0, False), (2, 1, True), (2, 2, True)],
    ids=["empty", "partial", "full", "one-expired", "all-expired"],
)
def test_slots_empty_partial_full_expired(held: int, ended: int, granted: bool) -> None:
    """Of two places, whatever is free or ended can be had."""
    clock, ledger = ManualClock(), Ledger(2)
    for number in range(ended):
        MemoryBudget(ledger, holder=f"old{number}", clock=clock).acquire(Phase.DRAINING, forced=False)
    if ended:
        clock.advance(LASTS[Phase.DRAINING])
    for number in range(held - ended):
        MemoryBudget(ledger, holder=f"new{number}", clock=clock).acquire(Phase.DRAINING, forced=False)
    found = MemoryBudget(ledger, holder="vm", clock=clock).acquire(Phase.DRAINING, forced=False)
    assert isinstance(found, Granted if granted else Denied)


def test_holder_order_stable() -> None:
    """Holders are listed in one order, each once, however they came."""
    for order in (("b", "a", "c", "a"), ("c", "b", "a")):
        clock, ledger = ManualClock(), Ledger(5)
        for holder in order:
            MemoryBudget(ledger, holder=holder, clock=clock).acquire(Phase.DRAINING, forced=False)
        assert ledger.holders(clock.now()) == ("a", "b", "c")


def test_a_lease_outlives_the_reboot_it_was_taken_for() -> None:
    """A rebooting lease counts through a reboot, by the wall clock, and ends in the end."""
    clock, ledger = ManualClock(), Ledger(1)
    MemoryBudget(ledger, holder="vm1", clock=clock).acquire(Phase.REBOOTING, forced=False)
    clock.reboot(boot="boot-2", took=timedelta(minutes=5))
    assert ledger.holders(clock.now()) == ("vm1",)
    clock.advance(timedelta(minutes=25))
    assert ledger.holders(clock.now()) == ()


def test_denied_names_who_is_out_and_when_to_ask() -> None:
    """A denial says who holds the places; it is asked again soon, or when a lease ends before that."""
    clock, ledger = ManualClock(), Ledger(1)
    MemoryBudget(ledger, holder="vm1", clock=clock).acquire(Phase.DRAINING, forced=False)
    ask = MemoryBudget(ledger, holder="vm2", clock=clock)
    expected = Denied(reason="out already: vm1", retry_at=later(clock.now(), ASK_AGAIN))
    assert ask.acquire(Phase.DRAINING, forced=False) == expected
    clock.advance(LASTS[Phase.DRAINING] - timedelta(seconds=1))
    denied = ask.acquire(Phase.DRAINING, forced=False)
    assert isinstance(denied, Denied)
    assert denied.retry_at == later(clock.now(), timedelta(seconds=1))


def test_a_limit_of_none_denies_but_never_vetoes() -> None:
    """With no place at all an ask is denied, and force still goes."""
    clock = ManualClock()
    budget = MemoryBudget(Ledger(0), holder="vm1", clock=clock)
    assert isinstance(budget.acquire(Phase.DRAINING, forced=False), Denied)
    assert budget.acquire(Phase.DRAINING, forced=True) == Granted(
        until=later(clock.now(), LASTS[Phase.DRAINING]), forced=True
    )


def test_a_forced_lease_stays_marked() -> None:
    """Renewing a lease that was forced does not make it ordinary."""
    clock = ManualClock()
    budget = MemoryBudget(Ledger(0), holder="vm1", clock=clock)
    budget.acquire(Phase.DRAINING, forced=True)
    renewed = budget.acquire(Phase.REBOOTING, forced=False)
    assert isinstance(renewed, Granted)
    assert renewed.forced


def test_a_negative_limit_is_refused() -> None:
    """Less than none cannot be out."""
    with pytest.raises(ValueError, match="max_unavailable"):
        Ledger(-1)


def test_unlimited_grants_and_keeps_nothing() -> None:
    """Without a limit every ask is granted and there is nothing to give back."""
    budget = Unlimited(ManualClock())
    assert isinstance(budget.acquire(Phase.REBOOTING, forced=False), Granted)
    budget.release()


def test_approvals_show_who_published() -> None:
    """Siblings see each other's names per event, once each; alone one sees oneself."""
    first = MemoryApprovals("vm1")
    first.publish("E")
    first.publish("E")
    second = MemoryApprovals("vm2", first.board)
    second.publish("E")
    assert first.published("E") == {"vm1", "vm2"}
    assert first.published("other") == frozenset()
