"""One soak: the demo's stage, maintenances one after another, under traffic and faults, for some minutes."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from drainer.demo.roll import Act, Stage, staged
from tests.soak import faults
from tests.soak.maintenances import SCRIPT, Kind, Maintenance, undergo
from tests.soak.verdict import Seen
from tests.soak.watch import Watch, least_at_rest, most_at_rest

LASTING = 0
"""The VM of the script whose sidecar nobody ends."""

SWITCHES = ("approval_delay=2s", "operation_retry_after=1s")
"""Time to cancel after an approval; and writes that are asked after sooner, for more episodes an hour."""

SPARE_S = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Length:
    """It ends after so many `maintenances`, if that is given, else after `minutes`."""

    minutes: float
    maintenances: int | None
    expected: int
    rate: float = 10.0


def soak(root: Path, length: Length, tell: Callable[[str], None]) -> Seen:
    """What was seen; it returns however the maintenances went, but raises where the stage cannot stand."""
    act = Act(warm_up_s=1.0, rate=length.rate, probe_interval_s=1, longest_s=length.minutes * 60 + SPARE_S)
    began = monotonic()
    with staged(root, backend="azure", sidecar=True, act=act, switches=SWITCHES) as stage:
        seen = Seen(lasting=f"sidecar {stage.places[LASTING].name}", expected=length.expected)
        watch = Watch(stage)
        with watch.watching():
            _maintain(stage, length, seen, tell)
            seen.orphans = watch.orphans()
        stage.load.stop()
    seen.results, seen.samples = stage.load.results, watch.samples
    seen.lasted_s = monotonic() - began
    return seen


def _maintain(stage: Stage, length: Length, seen: Seen, tell: Callable[[str], None]) -> None:
    count, done = faults.Count(), Counter[str]()
    ends = monotonic() + length.minutes * 60
    sidecar = stage.machines[LASTING].sidecar
    pid = sidecar.pid if sidecar else 0
    vms = tuple(place.name for place in stage.places)
    try:
        with faults.storming(stage.platform, vms, count):
            for number, maintenance in enumerate(itertools.cycle(SCRIPT)):
                if number == length.maintenances or (length.maintenances is None and monotonic() > ends):
                    break
                _one(stage, maintenance, done, tell)
                if seen.first is None and maintenance.vm == LASTING:
                    seen.first = most_at_rest(seen.lasting, pid)
    except Exception as error:  # noqa: BLE001  whatever broke is a finding, and the figures are kept
        seen.broke = f"maintenance {sum(done.values()) + 1}: {error}"
    seen.last = least_at_rest(seen.lasting, pid)
    seen.done = dict(done)
    seen.kills = done[Kind.KILLED] + done[Kind.KILLED_FREEZE]
    seen.management_faults, seen.storms = count.management, count.storms


def _one(stage: Stage, maintenance: Maintenance, done: Counter[str], tell: Callable[[str], None]) -> None:
    began = monotonic()
    undergo(stage, maintenance)
    done[maintenance.kind] += 1
    failed = sum(not one.ok for one in list(stage.load.results))
    tell(
        f"{sum(done.values())}: {stage.places[maintenance.vm].name} {maintenance.kind}: "
        f"{monotonic() - began:.1f} s; {stage.load.asked} requests, {failed} failed"
    )
