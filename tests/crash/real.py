"""Real processes under SIGKILL: every acting step × before and after × same and new boot × each ground.

Generated from the union of steps, so that a new one joins by itself. A cell's life must end like one that
nobody cut short.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.crash.grounds import GROUNDS, STAGES, Ground
from tests.crash.matrix import acting
from tests.until import until

IN_MEMORY = frozenset({"acquire", "publish", "release"})
"""What touches nothing outside the process in this version: no shared budget, no shared approvals."""

MOMENTS = ("before", "after")
BOOTS = ("boot-1", "boot-2")
NOTICE = "290s"
"""Ample for a death and another life, and nearer than the lead from which notices are acted on."""

SETTLES_S = "5"
WITHIN_S = 240.0
"""Generous: two starts and an episode; where a lost write settles as shipped, two minutes more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RealCell:
    ground: str
    step: str
    moment: str
    boot: str

    def __str__(self) -> str:
        return f"{self.ground}-{self.step}-{self.moment}-{self.boot}"


def real_cells() -> Iterator[RealCell]:
    for ground in GROUNDS:
        for step in sorted(acting() - IN_MEMORY):
            for moment in MOMENTS:
                for boot in BOOTS:
                    yield RealCell(ground=ground, step=step, moment=moment, boot=boot)


@dataclass(slots=True, kw_only=True)
class Life:
    """What befell the daemons of one cell; `wrong` is what must not have been seen on the way."""

    deaths: list[int] = field(default_factory=list)
    completed: bool = False
    wrong: list[str] = field(default_factory=list)


def findings(cell: RealCell, root: Path, *, settles: str = SETTLES_S) -> tuple[str, ...]:
    """What is wrong with this cell's life; nothing where it ends as one that nobody cut short."""
    with GROUNDS[cell.ground](root) as ground:
        before = ground.membership()
        life = lived(ground, cell, settles=settles)
        return tuple(f"{cell}: {what}" for what in judged(ground, life, before))


def lived(ground: Ground, cell: RealCell, *, settles: str) -> Life:
    """From the notice until the VM is back and nothing is open."""
    sidecar, life = ground.stand.sidecar, Life()
    ground.start(cell.step, cell.moment, settles=settles)
    event = ground.stand.schedule(in_=NOTICE)

    def over() -> bool:
        if not sidecar.runs:
            _wake(ground, cell, life, settles=settles)
        if not life.completed and ground.stand.started(event):
            if not ground.out():
                life.wrong.append("acknowledged while it takes work")
            ground.stand.complete(event)
            life.completed = True
        return life.completed and _rests(ground)

    until(over, f"the end of {cell} in {sidecar.log}", within_s=WITHIN_S, every_s=0.1)
    return life


def _wake(ground: Ground, cell: RealCell, life: Life, *, settles: str) -> None:
    """Whoever finds it dead starts it again; a second death is seen by its judge."""
    sidecar = ground.stand.sidecar
    assert sidecar.process is not None
    life.deaths.append(sidecar.process.returncode)
    assert len(life.deaths) < 3, f"{cell}: it dies again and again, see {sidecar.log}"
    sidecar.boot_id.write_text(f"{cell.boot}\n", encoding="ascii")
    ground.start(settles=settles)


def _rests(ground: Ground) -> bool:
    """A daemon that has read and decided, has nothing open, and has closed what was.

    What it shows is of its last rest, so that the journal must say it too.
    """
    sidecar = ground.stand.sidecar
    status = sidecar.status_if_any()
    if status is None or not decided(status) or status["episode"] is not None:
        return False
    return bool(sidecar.journal()[-1]["kind"] == "closed")


def decided(status: dict[str, Any]) -> bool:
    """Whether it waits over a document that it could read, and that names no notice any more."""
    readable = (status["document"] or {}).get("readable")
    return bool(readable and status["step"] == "wait" and status["notices"] == [])


def judged(ground: Ground, life: Life, before: object) -> Iterator[str]:
    """The owner's membership, no marker, one death, and nothing done oftener than a death explains."""
    yield from life.wrong
    if life.deaths != [-signal.SIGKILL]:
        yield f"it ended {life.deaths}, one SIGKILL was due"
    if ground.membership() != before:
        yield f"the VM is not as it was: {ground.membership()}"
    if ground.stand.sidecar.marker.exists():
        yield "the marker is left"
    told = ground.told
    if set(told) != set(STAGES) or len(told) > len(STAGES) + 1:
        yield f"hooks were told of {told}"
