"""The verdict of a soak finds what it is there to find."""

from __future__ import annotations

from dataclasses import replace

import pytest

from drainer.demo import plan
from tests.soak.gauge import Held
from tests.soak.report import closing_line
from tests.soak.verdict import JUDGED_FROM, Seen, findings

WHO = "sidecar vm1"
CALM = Held(at_s=0.0, who=WHO, pid=7, rss_kb=40_000, fds=13, threads=3)
SERVED = plan.Result(
    number=1,
    kind=plan.Kind.FRESH,
    client="127.0.1.1",
    scheduled_at=0.0,
    started_at=0.0,
    finished_at=0.1,
    vm="vm1",
)


def seen(**otherwise: object) -> Seen:
    """A soak in which all went well, but for what is said otherwise."""
    well = Seen(
        lasting=WHO,
        expected=20,
        lasted_s=1800.0,
        done={"freeze": 12, "reboot": 8},
        results=[SERVED],
        samples=[CALM] * JUDGED_FROM,
        first=CALM,
        last=CALM,
        management_faults=170,
        storms=170,
    )
    return replace(well, **otherwise)  # type: ignore[arg-type]  # one test, one member


def test_nothing_is_found_where_all_went_well() -> None:
    """A soak without a loss, a leak or growth passes."""
    assert findings(seen()) == ()
    assert "0 findings" in closing_line(seen())


@pytest.mark.parametrize(
    ("otherwise", "found"),
    [
        ({"done": {"freeze": 19}}, "19 maintenances"),
        ({"results": [SERVED, replace(SERVED, why=plan.Why.RESET)]}, "1 requests failed: reset"),
        ({"results": []}, "proves nothing"),
        ({"orphans": (9,)}, "outlived"),
        ({"broke": "waited 60 s"}, "waited 60 s"),
        ({"storms": 80}, "80 storms"),
        ({"last": replace(CALM, fds=14)}, "14 descriptors, 13"),
        ({"last": replace(CALM, threads=4)}, "4 threads, 3"),
        ({"last": replace(CALM, pid=8)}, "did not live"),
        ({"last": None}, "not there"),
    ],
)
def test_each_finding_is_found(otherwise: dict[str, object], found: str) -> None:
    """What went wrong is said, and nothing else."""
    (said,) = findings(seen(**otherwise))
    assert found in said


def test_growth_of_the_last_third_is_found() -> None:
    """Memory may settle in the first third; from the second to the last it stays."""

    def grown(*sizes_kb: int) -> Seen:
        third = [[replace(CALM, rss_kb=size)] * (JUDGED_FROM // 3) for size in sizes_kb]
        return seen(samples=[one for samples in third for one in samples])

    assert findings(grown(30_000, 40_000, 42_000)) == ()
    (said,) = findings(grown(40_000, 40_000, 42_100))
    assert "grew from 40000 KB to 42100 KB" in said


def test_what_the_generator_could_not_send_is_no_loss() -> None:
    """A request that never left the generator says nothing of a drain, and is counted apart."""
    unsent = seen(results=[SERVED, replace(SERVED, why=plan.Why.LOCAL)])
    assert findings(unsent) == ()
    assert "0 failed, 1 not sent" in closing_line(unsent)
