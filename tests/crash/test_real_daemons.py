"""Real daemons under SIGKILL at each acting step, before an emulated Azure and a real HAProxy."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from drainer.core.step import STEPS, Wait
from tests.crash.grounds import on_haproxy
from tests.crash.real import BOOTS, IN_MEMORY, MOMENTS, Life, RealCell, findings, judged, real_cells
from tests.crash.real_damage import DamagedCell, has_disks
from tests.crash.real_damage import cells as damage_cells
from tests.e2e.haproxy.proxy import program

CELLS = tuple(real_cells())
TOUCHING = ("acknowledge", "cordon", "hook", "isolate", "restore")
SHORT = frozenset(
    RealCell(ground=ground, step=step, moment=MOMENTS[number % 2], boot=BOOTS[number // 2 % 2])
    for shift, ground in enumerate(("azure", "haproxy"))
    for number, step in enumerate(TOUCHING, start=shift)
)
"""Each step that touches the world once on each ground; moments and boots take turns."""

SHORT_DAMAGE = frozenset({"full disk-boot-1", "full disk, reserve gone-boot-2", "another VM-boot-2"})


@pytest.mark.parametrize(
    "cell", [pytest.param(c, id=str(c), marks=() if c in SHORT else pytest.mark.slow) for c in CELLS]
)
def test_a_daemon_killed_at_a_step_is_continued(tmp_path: Path, cell: RealCell) -> None:
    """Whenever it dies, the next life acknowledges what is out, gives it back as it was, and closes."""
    if cell.ground == "haproxy":
        program()
    assert findings(cell, tmp_path / "vm") == ()


@pytest.mark.parametrize(
    "cell",
    [
        pytest.param(c, id=str(c), marks=() if str(c) in SHORT_DAMAGE else pytest.mark.slow)
        for c in damage_cells()
    ],
)
def test_a_damaged_journal_ends_as_documented(tmp_path: Path, cell: DamagedCell) -> None:
    """As in process: what still tells is given back, what does not is touched by nobody, and said."""
    program()
    if cell.needs_disk and not has_disks():
        pytest.skip("a disk of its own is a tmpfs, which only root can mount")
    assert cell.lived(tmp_path / "vm") == ()


def test_a_wrong_ending_is_a_finding(tmp_path: Path) -> None:
    """Nobody died, no hook ran, and the VM is not as it was: each is seen."""
    program()
    with on_haproxy(tmp_path / "vm") as ground:
        assert len(list(judged(ground, Life(), before=["another"]))) == 3
        ground.stand.sidecar.marker.touch()
        left = Life(deaths=[-signal.SIGKILL], wrong=["acknowledged while it takes work"])
        assert len(list(judged(ground, left, before=ground.membership()))) == 3


def test_every_acting_step_dies_really() -> None:
    """Each step of the union but the only idle, and but those that stay in memory, is in the product."""
    named = {cls.__name__.lower() for cls in STEPS if cls is not Wait}
    assert named >= IN_MEMORY
    assert {cell.step for cell in CELLS} == named - IN_MEMORY
    assert set(CELLS) >= SHORT
    assert len(CELLS) == 2 * len(named - IN_MEMORY) * len(MOMENTS) * len(BOOTS)
