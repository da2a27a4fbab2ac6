"""Every command that looks for faults ends with its counts, and with 1 where it found one."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from inspect import signature
from pathlib import Path
from types import ModuleType

import pytest

import tests.crash.__main__ as crash
import tests.fuzz.__main__ as fuzz
import tests.mutants.__main__ as mutants
import tests.prove.__main__ as prove
import tests.simulate.__main__ as simulate
import tests.soak.__main__ as soak
from tests.crash import damage
from tests.crash.matrix import Cell, cells, whole
from tests.crash.stories import STORIES, Told
from tests.fuzz import covered, running
from tests.fuzz.figures import Figures
from tests.fuzz.running import Bound, Result
from tests.fuzz.target import Target
from tests.fuzz.targets import ALL
from tests.mutants.beliefs import MUTANTS, GatesNothing, Mutant
from tests.prove.mutants import MUTANTS as WRONG_CORES
from tests.prove.search import Found, search
from tests.prove.world import Setup
from tests.soak.run import Length
from tests.soak.test_verdict import seen
from tests.soak.verdict import Seen


def closing(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out.splitlines()[-1]


def test_prove(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A core that believes something wrong, in the one configuration that shows it."""
    wrong = WRONG_CORES[0]

    def searched(setup: Setup, *, most: int) -> Found:
        return search(setup, core=wrong.core, most=most)

    monkeypatch.setattr(prove, "search", searched)
    monkeypatch.setattr(prove, "SHORT", (wrong.setup,))
    monkeypatch.setattr(sys, "argv", ["prove"])
    assert prove.main() == 1
    said = closing(capsys)
    assert said.startswith("prove: 1 configurations (0 cut short), ")
    assert " 0 broken" not in said


def test_simulate(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A daemon that no gate holds back; the story is made short, and a command tells it again."""

    tell = simulate.tell

    def told(seed: int) -> simulate.Told:
        return tell(seed, reconciler=GatesNothing)

    monkeypatch.setattr(simulate, "tell", told)
    assert simulate.main(["--seeds", "25"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].startswith("simulate: 25 seeds from 0, ")
    assert not lines[-1].endswith(", 0 violations")
    assert any(line.startswith("again: make simulate SEEDS=1 SEED=") for line in lines)


def test_mutants(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """One that no story gives away."""

    def hunted(mutant: type[Mutant]) -> None:
        return None

    monkeypatch.setattr(mutants, "hunt", hunted)
    assert mutants.main() == 1
    assert closing(capsys) == f"mutants: {len(MUTANTS)} tried, 0 caught, {len(MUTANTS)} survived"


def test_crash(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """One life after a death that ended otherwise than one without."""
    first = next(cells({name: whole(name) for name in STORIES}))

    def only(stories: Mapping[str, Told]) -> Iterator[Cell]:
        yield first

    def findings(cell: Cell, told: Told, model: Told) -> tuple[str, ...]:
        return (f"{cell}: stays out",)

    monkeypatch.setattr(crash, "cells", only)
    monkeypatch.setattr(crash, "findings", findings)
    monkeypatch.setattr(damage, "findings", lambda root: (0, []))
    assert crash.main([]) == 1
    said = closing(capsys)
    assert said.startswith("crash: 1 cells in process, 0 converged, 0 set aside; ")
    assert "; 1 findings" in said


def test_fuzz(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """One target with an input to look at."""

    def ran(target: Target, bound: Bound, *, resume: bool) -> Result:
        return Result(name=target.name, figures=Figures(), findings=(tmp_path / "input",))

    monkeypatch.setattr(fuzz, "run", ran)
    monkeypatch.setattr(fuzz, "told", lambda result, target: "")
    monkeypatch.setattr(sys, "argv", ["fuzz", "--runs", "1", "--target", next(iter(ALL))])
    assert fuzz.main() == 1
    said = closing(capsys)
    assert said.startswith("fuzz: 1 targets, ")
    assert said.endswith(", 1 targets with findings")


def test_soak(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A run after which a process was left."""

    def soaked(directory: Path, length: Length, say: object) -> Seen:
        return seen(orphans=(9,))

    monkeypatch.setattr(soak, "soak", soaked)
    assert soak.main(["--directory", str(tmp_path / "soak")]) == 1
    said = closing(capsys)
    assert said.startswith("soak: 30.0 min; 20 maintenances ")
    assert "; 1 findings" in said


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        (simulate, ["--seeds", "0"]),
        (fuzz, ["--seconds", "0"]),  # libFuzzer would take it for "without end"
        (fuzz, ["--seconds", "-3"]),
        (fuzz, ["--runs", "0"]),
        (fuzz, ["--schema", "0"]),
        (soak, ["--minutes", "0"]),
        (soak, ["--minutes", "nan"]),
        (soak, ["--minutes", "inf"]),
        (soak, ["--maintenances", "-1"]),
        (prove, ["--most", "0"]),
    ],
)
def test_what_would_do_nothing_or_never_end_is_wrong_usage(
    command: ModuleType,
    arguments: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A number that cannot be meant is refused with a sentence, before anything is done."""
    monkeypatch.setattr(sys, "argv", ["command", *arguments])
    with pytest.raises(SystemExit) as ended:
        command.main(*([arguments] if signature(command.main).parameters else []))
    assert ended.value.code == 2
    assert f"{arguments[0]}" in capsys.readouterr().err


def test_a_long_fuzz_is_waited_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A target that is given more than an hour has it, and its time to start and to end."""
    waited: list[float] = []

    def child(target: Target, command: list[str], within_s: float) -> tuple[bytes, str]:
        waited.append(within_s)
        return b"#7 DONE", ""

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(running, "_child", child)
    monkeypatch.setattr(covered, "lines", lambda target, corpus: (1, 1))
    running.run(next(iter(ALL.values())), Bound(seconds=7200), resume=False)
    assert waited[0] > 7200
