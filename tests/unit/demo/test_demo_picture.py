"""The picture: it is written, it says what it shows, and it costs nothing until then."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from drainer.demo.picture import Panel, _rates, draw
from drainer.demo.plan import Kind, Result, Why


@dataclass(frozen=True)
class Mark:
    at_s: float
    vm: str
    what: str


def result(at: float, vm: str, why: Why | None = None) -> Result:
    return Result(
        number=0,
        kind=Kind.FRESH,
        client="c1",
        scheduled_at=at,
        started_at=at,
        finished_at=at + 0.1,
        vm=vm,
        why=why,
    )


RESULTS = [result(100 + number / 10, f"vm{number % 3 + 1}") for number in range(100)]
WITH = Panel(
    title="With the sidecar: none failed",
    results=RESULTS,
    out={"vm1": [(103.0, 106.0)]},
    marks=[
        Mark(102, "vm1", "notice"),
        Mark(104, "vm1", "reboot, silent"),
        Mark(105, "vm1", "restored"),
        Mark(106, "vm1", "something else"),
    ],
)
WITHOUT = Panel(title="Without: one failed", results=[*RESULTS[:50], result(105, "", Why.RESET)])


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the same panels drawn twice."""
    folder = tmp_path_factory.mktemp("drawn")
    for name in ("one", "two"):
        draw([WITH, WITHOUT], png=folder / f"{name}.png", svg=folder / f"{name}.svg")
    return folder


def test_both_formats_are_written_and_speak(drawn: Path) -> None:
    """The PNG is one, and the SVG holds titles, VMs, units and the legend as text."""
    assert (drawn / "one.png").read_bytes().startswith(b"\x89PNG")
    text = (drawn / "one.svg").read_text()
    for words in (
        "With the sidecar: none failed",
        "Without: one failed",
        *("vm1", "vm2", "vm3"),
        "requests served per second",
        "seconds since the traffic began",
        *("notice", "reboot", "restore", "takes no new connections", "failed request"),
    ):
        assert f">{words}<" in text, words
    assert ">cordon<" not in text


def test_same_results_make_the_same_picture(drawn: Path) -> None:
    """Nothing of the day or the machine is in the files."""
    assert (drawn / "one.svg").read_bytes() == (drawn / "two.svg").read_bytes()
    assert (drawn / "one.png").read_bytes() == (drawn / "two.png").read_bytes()


def test_run_without_results_is_drawn(tmp_path: Path) -> None:
    """An empty run is an empty panel, not an error."""
    draw([Panel(title="Nothing", results=[])], png=tmp_path / "a.png", svg=tmp_path / "a.svg")
    assert (tmp_path / "a.png").exists()


def test_no_panel_is_an_error(tmp_path: Path) -> None:
    """There is no picture of nothing at all."""
    with pytest.raises(ValueError, match="expected a panel"):
        draw([], png=tmp_path / "a.png", svg=tmp_path / "a.svg")


def test_rates_count_what_was_served_well() -> None:
    """A bin holds the VM's right answers by when they ended, as a rate."""
    panel = Panel(
        title="", results=[result(0, "vm1"), result(0.2, "vm1"), result(0.2, "vm2"), result(1.2, "vm1")]
    )
    assert _rates(panel, "vm1") == [4.0, 0.0, 2.0]


def test_drawing_library_is_loaded_only_to_draw() -> None:
    """Importing the module does not import matplotlib."""
    probe = "import sys, drainer.demo.picture; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", probe], check=False).returncode == 0
