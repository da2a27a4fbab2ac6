"""The report of a soak: a JSON file and one closing line."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from drainer.demo.summary import summarise
from tests.soak.verdict import Seen, findings, thirds_kb

SCHEMA = 1


def as_json(seen: Seen) -> dict[str, Any]:
    """All figures; memory in KB, one row for each process and each third of the soak."""
    traffic = summarise(seen.results, out={})
    return {
        "schema": SCHEMA,
        "lasted_s": round(seen.lasted_s, 1),
        "maintenances": seen.maintenances,
        "kinds": seen.done,
        "requests": traffic.requests,
        "failed": len(seen.lost),
        "unsent": seen.unsent,
        "reasons": dict(traffic.reasons),
        "failures": [dataclasses.asdict(one) for one in seen.lost[:100]],
        "slowest_s": round(traffic.slowest_s, 3),
        "lag_p99_s": round(traffic.lag_p99_s, 4),
        "lag_max_s": round(traffic.lag_max_s, 4),
        "kills": seen.kills,
        "management_faults": seen.management_faults,
        "storms": seen.storms,
        "lasting": {
            "who": seen.lasting,
            "first": dataclasses.asdict(seen.first) if seen.first else None,
            "last": dataclasses.asdict(seen.last) if seen.last else None,
        },
        "memory_thirds_kb": {who: thirds_kb(seen.samples, who) for who in _who(seen)},
        "most": {who: _most(seen, who) for who in _who(seen)},
        "samples": [dataclasses.asdict(one) for one in seen.samples],
        "findings": findings(seen),
    }


def write(path: Path, seen: Seen) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(as_json(seen), indent=1) + "\n", encoding="utf-8")


def closing_line(seen: Seen) -> str:
    """What happened, in one line."""
    found = findings(seen)
    kinds = ", ".join(f"{kind} {count}" for kind, count in seen.done.items())
    parts = [
        f"{seen.lasted_s / 60:.1f} min",
        f"{seen.maintenances} maintenances ({kinds})",
        f"{seen.management_faults + seen.storms} faults, {seen.kills} kills",
        f"{len(seen.results)} requests, {len(seen.lost)} failed, {seen.unsent} not sent",
        _held(seen),
        f"{len(found)} findings" + "".join(f"; {one}" for one in found),
    ]
    return "soak: " + "; ".join(parts)


def _held(seen: Seen) -> str:
    if seen.first is None or seen.last is None:
        return f"{seen.lasting} not measured"
    first, last = seen.first, seen.last
    thirds = thirds_kb(seen.samples, seen.lasting)
    sizes = thirds[1:] if thirds else (first.rss_kb, last.rss_kb)
    memory = " to ".join(f"{size / 1024:.1f}" for size in sizes)
    return (
        f"{seen.lasting} {memory} MB, {first.fds} to {last.fds} descriptors, "
        f"{first.threads} to {last.threads} threads"
    )


def _who(seen: Seen) -> list[str]:
    return sorted({one.who for one in seen.samples})


def _most(seen: Seen, who: str) -> dict[str, int]:
    of = [one for one in seen.samples if one.who == who]
    return {
        "rss_kb": max(one.rss_kb for one in of),
        "fds": max(one.fds for one in of),
        "threads": max(one.threads for one in of),
    }
