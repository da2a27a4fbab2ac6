"""What a soak comes to: the findings, and the figures of its report. Values only, measured elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from drainer.demo.plan import Result, Why
from tests.soak.gauge import Held

GROWS_AT_MOST = 1.05
OR_BY_KB = 2048
STORM_EVERY_AT_MOST_S = 20.0
"""On average, with the stage's start and end; the storms come twice as often."""

JUDGED_FROM = 60
"""Samples of one process; with fewer, a third is no measure of memory."""


@dataclass(slots=True, kw_only=True)
class Seen:
    """Everything that one soak saw. `lasting`: the name whose process lives from the start to the end."""

    lasting: str
    expected: int
    lasted_s: float = 0.0
    done: dict[str, int] = field(default_factory=dict)
    results: Sequence[Result] = ()
    samples: list[Held] = field(default_factory=list)
    first: Held | None = None
    last: Held | None = None
    orphans: tuple[int, ...] = ()
    broke: str = ""
    kills: int = 0
    management_faults: int = 0
    storms: int = 0

    @property
    def maintenances(self) -> int:
        return sum(self.done.values())

    @property
    def lost(self) -> tuple[Result, ...]:
        """Failed requests, but those that the generator itself could not send. Every reboot was announced
        and drained for, so each of these is a drain's fault."""
        return tuple(one for one in self.results if not one.ok and one.why is not Why.LOCAL)

    @property
    def unsent(self) -> int:
        return sum(one.why is Why.LOCAL for one in self.results)


def findings(seen: Seen) -> tuple[str, ...]:
    """What did not come true; empty: the soak passed."""
    found = [seen.broke] if seen.broke else []
    if seen.maintenances < seen.expected:
        found.append(f"{seen.maintenances} maintenances were done, expected {seen.expected}")
    if seen.lost:
        found.append(f"{len(seen.lost)} requests failed: {_reasons(seen.lost)}")
    if not any(one.ok for one in seen.results):
        found.append("no request was answered, so the soak proves nothing")
    if seen.storms < seen.lasted_s / STORM_EVERY_AT_MOST_S:
        found.append(f"only {seen.storms} storms in {seen.lasted_s:.0f} s: somebody stopped making them")
    if seen.orphans:
        found.append(f"processes outlived the sidecar that started them: {seen.orphans}")
    return (*found, *_leaks(seen), *_growth(seen))


def thirds_kb(samples: Sequence[Held], who: str) -> tuple[float, float, float] | None:
    """Median resident memory of each third of the samples, in KB; None where they are too few to judge."""
    sizes = [one.rss_kb for one in samples if one.who == who]
    if len(sizes) < JUDGED_FROM:
        return None
    third = len(sizes) // 3
    return median(sizes[:third]), median(sizes[third : 2 * third]), median(sizes[2 * third :])


def _leaks(seen: Seen) -> tuple[str, ...]:
    if seen.first is None or seen.last is None:
        return (f"{seen.lasting} was not there to be measured",)
    if seen.first.pid != seen.last.pid:
        return (f"{seen.lasting} did not live through the soak",)
    pairs = {
        "descriptors": (seen.first.fds, seen.last.fds),
        "threads": (seen.first.threads, seen.last.threads),
    }
    return tuple(
        f"{seen.lasting} holds {last} {what}, {first} after its first episode"
        for what, (first, last) in pairs.items()
        if last > first
    )


def _growth(seen: Seen) -> tuple[str, ...]:
    thirds = thirds_kb(seen.samples, seen.lasting)
    if thirds is None:
        return ()
    _, middle, last = thirds
    if last <= max(middle * GROWS_AT_MOST, middle + OR_BY_KB):
        return ()
    return (f"{seen.lasting} grew from {middle:.0f} KB to {last:.0f} KB",)


def _reasons(results: Sequence[Result]) -> str:
    return ", ".join(sorted({f"{one.why} {one.detail}".strip() for one in results}))
