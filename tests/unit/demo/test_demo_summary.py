"""What results add up to. Pure tables."""

from dataclasses import replace

import pytest

from drainer.demo.plan import Kind, Result, Span, Why
from drainer.demo.summary import Summary, moved, summarise


def result(at: float, vm: str, *, client: str = "c1", opened: bool = True, why: Why | None = None) -> Result:
    return Result(
        number=int(at * 10),
        kind=Kind.FRESH,
        client=client,
        scheduled_at=at,
        started_at=at + 0.01,
        finished_at=at + 0.05,
        vm=vm,
        opened=opened,
        why=why,
        detail="503" if why is Why.STATUS else "",
    )


def visits(route: str, *, client: str = "c1") -> list[Result]:
    """`"1 1 2"`: the VMs that new connections of one client got, one a second."""
    return [result(at, f"vm{vm}", client=client) for at, vm in enumerate(route.split())]


@pytest.mark.parametrize(
    ("route", "out", "expected"),
    [
        ("1 1 1", {}, set()),
        ("1 1 2", {}, {"c1"}),
        ("1 2 1", {"vm1": [(0.5, 1.5)]}, set()),
        ("1 2 2 2 1", {"vm1": [(0.5, 2.5)]}, set()),
        ("1 2 2 2 3", {"vm1": [(0.5, 2.5)]}, {"c1"}),
        ("1 1 2", {"vm3": [(1.0, 2.0)]}, {"c1"}),
        ("1 2 3 1", {"vm1": [(0.5, 2.5)], "vm2": [(1.5, 2.5)]}, set()),
        ("1 3 1", {"vm1": [(8.0, 9.0)]}, {"c1"}),
        ("2 1 1 1", {"vm1": [(-1.0, 0.5)]}, set()),
        ("1 2", {"vm1": [(0.5, 9.0)]}, set()),
        ("1 3 2", {"vm1": [(0.5, 9.0)], "vm2": [(0.5, 1.5)]}, set()),
        ("2 1 2 2 1", {"vm1": [(-1.0, 0.5), (1.5, 2.5)]}, set()),
    ],
)
def test_moved_is_a_change_that_no_outage_explains(
    route: str, out: dict[str, list[Span]], expected: set[str]
) -> None:
    """Leaving a VM that is out, and going home after, is no move; any other change of VM is."""
    assert expected == moved(visits(route), out=out, slack_s=0)


def test_moved_looks_at_new_connections_alone() -> None:
    """A kept connection to the stand-in that outlives the restore is the old placement, not a new one."""
    stays = [
        result(0, "vm1"),
        result(1, "vm2"),
        result(3, "vm1"),
        result(4, "vm2", opened=False),
        result(5, "vm1"),
    ]
    assert moved(stays, out={"vm1": [(0.5, 2.0)]}) == set()
    assert moved([*stays, result(6, "vm2")], out={"vm1": [(0.5, 2.0)]}) == {"c1"}


def test_moved_takes_any_answer_for_a_placement() -> None:
    """A failed answer that names its VM shows where the client was sent; no answer shows nothing."""
    assert moved([result(0, "vm1"), result(1, "vm2", why=Why.STATUS)], out={}) == {"c1"}
    assert moved([result(0, "vm1"), result(1, "", why=Why.TIMEOUT), result(2, "vm1")], out={}) == set()


def test_moved_allows_for_a_late_observer() -> None:
    """An outage seen within the slack of the change explains it; one seen later does not."""
    assert moved(visits("1 2"), out={"vm1": [(1.3, 9.0)]}, slack_s=0.5) == set()
    assert moved(visits("1 2"), out={"vm1": [(1.7, 9.0)]}, slack_s=0.5) == {"c1"}


def test_summary_counts() -> None:
    """Requests, failures by reason, servings by VM, the slowest answer, lag, and the clients moved."""
    results = [
        *visits("1 1 1"),
        *visits("2 2 3", client="c2"),
        result(7, "vm1", client="c3", why=Why.STATUS),
        result(8, "", client="c3", why=Why.TIMEOUT),
        result(9, "vm1", client="c3", why=Why.STATUS),
    ]
    summary = summarise(results, out={})
    assert (summary.slowest_s, summary.lag_p99_s, summary.lag_max_s) == pytest.approx((0.04, 0.01, 0.01))
    assert replace(summary, slowest_s=0, lag_p99_s=0, lag_max_s=0) == Summary(
        requests=9,
        failed=3,
        reasons=(("status 503", 2), ("timeout", 1)),
        by_vm=(("vm1", 3), ("vm2", 2), ("vm3", 1)),
        slowest_s=0,
        lag_p99_s=0,
        lag_max_s=0,
        moved=1,
    )


def test_summary_of_nothing() -> None:
    """No request is no failure."""
    assert summarise([], out={}).requests == 0
