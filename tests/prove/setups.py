"""The configurations that are searched: small ones in every run, wider ones by `--deep`. Each is complete.

What one leaves out, another has: `ONE_WAY` notices are Scheduled and go again, and every read succeeds.
"""

from __future__ import annotations

from dataclasses import replace

from drainer.core.model import Stage
from drainer.core.policy import Acknowledge
from tests.prove.world import BOTH, POOL, PROBE, Setup

WIDE = Setup(name="", faults=0)
DUE = replace(WIDE, appears=("due",))
SEEN = replace(DUE, comes=())
ONE_WAY = replace(SEEN, blind=False)
OUT = frozenset({Stage.BEFORE_CORDON, Stage.CORDONED, Stage.DRAINED})
BACK = frozenset({Stage.BEFORE_RESTORE, Stage.RESTORED})


def _failing(name: str, *steps: str) -> Setup:
    return replace(ONE_WAY, name=f"{name} for ever", fails=frozenset(steps))


SHORT: tuple[Setup, ...] = (
    replace(WIDE, name="one layer, no fault", layers=(BOTH,)),
    replace(WIDE, name="by hand", acts=1, acknowledge=Acknowledge.NEVER),
    replace(WIDE, name="removal only", layers=(POOL,)),
    replace(WIDE, name="at drain end", acknowledge=Acknowledge.AT_DRAIN_END),
    replace(DUE, name="starts out", acts=1, starts_out=True),
    replace(DUE, name="siblings", siblings=True, comes=("force",)),
    replace(SEEN, name="hold or restore", acts=1, hands=(), wishes=("hold", "restore")),
    replace(SEEN, name="force, skip or drain", acts=1, hands=(), wishes=("force", "skip", "drain")),
    replace(SEEN, name="probe and pool", layers=(PROBE, POOL)),
    replace(SEEN, name="unhealthy", health=True),
    replace(SEEN, name="stuck, policy tightens", stuck=True, reloads=True),
    replace(ONE_WAY, name="two notices", notices=("e1", "e2")),
    replace(DUE, name="budget", budget=True, comes=("force",)),
    replace(ONE_WAY, name="budget that denies", budget=True, denies=True),
    replace(
        ONE_WAY,
        name="lease that never ends",
        faults=1,
        late=False,
        budget=True,
        expires=False,
        acknowledge=Acknowledge.NEVER,
    ),
    replace(
        ONE_WAY,
        name="budget, clock set forward",
        faults=1,
        late=False,
        budget=True,
        acknowledge=Acknowledge.NEVER,
        clocks=True,
    ),
    replace(ONE_WAY, name="put back twice", acts=2, hands=("in",), budget=True),
    replace(ONE_WAY, name="hooks on the way out", faults=1, late=False, hooks=OUT),
    replace(ONE_WAY, name="hooks on the way back", faults=1, late=False, hooks=BACK),
    replace(ONE_WAY, name="one lost answer or crash", faults=1),
    replace(ONE_WAY, name="under way", answers=True),
    replace(
        ONE_WAY, name="journal lost", faults=1, late=False, loses=True, acts=1, hands=(), wishes=("adopt",)
    ),
    replace(_failing("hooks fail", "hook"), hooks=frozenset(Stage)),
    replace(_failing("removal fails", "isolate"), layers=(BOTH,)),
    replace(_failing("telling fails", "acknowledge", "publish"), siblings=True),
    replace(_failing("release fails", "release"), budget=True),
    replace(
        _failing("release fails, clock set forward,", "release"),
        faults=1,
        late=False,
        budget=True,
        acknowledge=Acknowledge.NEVER,
        clocks=True,
    ),
    replace(_failing("acquire fails", "acquire"), budget=True, comes=("force",)),
    _failing("cordon fails", "cordon"),
    replace(_failing("one restore fails", "restore pool"), layers=(PROBE, POOL)),
)
DEEP: tuple[Setup, ...] = (
    replace(WIDE, name="deep: hold or restore", acts=1, hands=(), wishes=("hold", "restore")),
    replace(WIDE, name="deep: other wishes", acts=1, hands=(), wishes=("skip", "force", "drain", "resume")),
    replace(WIDE, name="deep: siblings", siblings=True),
    replace(WIDE, name="deep: probe and pool", layers=(PROBE, POOL)),
    replace(WIDE, name="deep: budget that denies", budget=True, denies=True),
    replace(DUE, name="deep: two notices", notices=("e1", "e2"), comes=("force",), blind=False),
    replace(WIDE, name="deep: stuck, policy tightens", stuck=True, reloads=True),
    replace(WIDE, name="deep: by hand, twice", acts=2),
    replace(ONE_WAY, name="deep: one fault", layers=(BOTH,), faults=1, answers=True),
    replace(SEEN, name="deep: removal only, one fault", layers=(POOL,), faults=1),
    replace(ONE_WAY, name="deep: two faults", faults=2),
    replace(ONE_WAY, name="deep: all hooks", hooks=frozenset(Stage), faults=1, late=False),
    replace(ONE_WAY, name="deep: two layers, one fault", layers=(PROBE, POOL), faults=1, late=False),
    replace(ONE_WAY, name="deep: budget, one fault", budget=True, faults=1),
    replace(ONE_WAY, name="deep: twice put back, resumed", acts=3, hands=("in",), wishes=("resume",)),
)
DRAWN = tuple(
    setup
    for setup in SHORT
    if setup.name
    in (
        "one layer, no fault",
        "by hand",
        "hold or restore",
        "probe and pool",
        "put back twice",
        "journal lost",
    )
)
"""Between them they meet every way from one phase to another that the short form meets."""
