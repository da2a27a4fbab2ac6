"""Fuzzes one target in children, a portion of its executions in each, and keeps the figures between them."""

from __future__ import annotations

import os
import re
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.fuzz import covered
from tests.fuzz.child import UNDER
from tests.fuzz.figures import Figures, after, keep, read
from tests.fuzz.target import FOLDER, Target, regressions, scratch

BUILD = Path("build") / "fuzz"
ONE_INPUT_S = 10
MEMORY_MB = 1024
PORTION = 25_000
BESIDE_S = 120
"""What a target may take beside its own seconds: to start, to read its seeds, to end."""
UNBOUNDED_S = 3600
"""What a portion of executions may take."""

_COVERAGE = re.compile(rb"cov: (\d+) ft: (\d+)")
_EXECUTED = re.compile(rb"stat::number_of_executed_units:\s*(\d+)")
_DONE = re.compile(rb"^Done (\d+) runs|^#(\d+)\s", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of one target. `findings`: inputs to look at; `ended`: why it ended, where badly."""

    name: str
    figures: Figures
    findings: tuple[Path, ...] = ()
    ended: str = ""

    @property
    def clean(self) -> bool:
        return not self.findings and not self.ended


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """How far to go: executions in all, or seconds of one child."""

    runs: int | None = None
    seconds: int | None = None


@dataclass(slots=True)
class _Spent:
    """Seconds of processor time that children took."""

    cpu_s: float = field(default=0.0)


def run(target: Target, bound: Bound, *, resume: bool) -> Result:
    """Fuzz one target up to the bound; with `resume` from where an earlier run was cut."""
    folder = BUILD / target.name
    if not resume:
        shutil.rmtree(folder, ignore_errors=True)
    _sow(target, folder / "corpus")
    figures, ended = read(folder), ""
    while not ended and (portion := _portion(bound, figures)) is not None:
        within_s = (bound.seconds or UNBOUNDED_S) + BESIDE_S
        figures, ended = _one_portion(target, folder, portion, figures, within_s=within_s)
        keep(folder, figures)
        if bound.seconds is not None:
            break
    reached, of_lines = covered.lines(target, folder / "corpus")
    figures = replace(figures, lines=reached, of_lines=of_lines)
    keep(folder, figures)
    findings = tuple(sorted(folder.glob("finding-*")))
    return Result(name=target.name, figures=figures, findings=findings, ended=ended)


def told(result: Result, target: Target) -> str:
    """A line for people, and how to replay each finding."""
    figures = result.figures
    line = (
        f"{result.name:26}{figures.executions:8} executions {figures.per_second:6.0f} a CPU second "
        f"{figures.edges:5} edges {figures.lines:5} of {figures.of_lines} lines  {len(result.findings)} findings"
    )
    ended = f"  ended: {result.ended}, see {BUILD / result.name / 'log'}" if result.ended else ""
    replay = f"  {sys.executable} -m tests.fuzz.child {target.one.__module__} {target.name}"
    return "\n".join((line + ended, *(f"{replay} {path}" for path in result.findings)))


def _sow(target: Target, corpus: Path) -> None:
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate((*target.seeds(), *regressions(target))):
        (corpus / f"seed-{number:03}").write_bytes(seed[: target.longest])


def _portion(bound: Bound, figures: Figures) -> list[str] | None:
    """libFuzzer's limits of the next child; None where the bound is reached."""
    if bound.seconds is not None:
        return [f"-max_total_time={bound.seconds}"]
    left = (bound.runs or 0) - figures.executions
    return [f"-runs={min(left, PORTION)}"] if left > 0 else None


def _one_portion(
    target: Target, folder: Path, portion: list[str], before: Figures, *, within_s: float
) -> tuple[Figures, str]:
    command = _command(target, folder, portion)
    with _processor_time() as spent:
        output, ended = _child(target, command, within_s)
    (folder / "log").write_bytes(output)
    edges = max((int(found[0]) for found in _COVERAGE.findall(output)), default=0)
    executions = _executions(output)
    if not executions and not ended:
        ended = "it executed nothing"
    return after(before, executions=executions, edges=edges, cpu_s=spent.cpu_s), ended


def _command(target: Target, folder: Path, portion: list[str]) -> list[str]:
    words = folder / "words"
    words.write_text("".join(f'"{_escaped(word)}"\n' for word in target.words), encoding="ascii")
    limits = [f"-timeout={ONE_INPUT_S}", f"-rss_limit_mb={MEMORY_MB}", f"-max_len={target.longest}"]
    kept = [f"-artifact_prefix={folder}/finding-", f"-dict={words}", "-print_final_stats=1"]
    child = [sys.executable, "-m", "tests.fuzz.child", target.one.__module__, target.name]
    return [*child, *limits, *portion, *kept, str(folder / "corpus")]


def _escaped(word: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word.encode())


def _child(target: Target, command: list[str], within_s: float) -> tuple[bytes, str]:
    try:
        with scratch() as place:
            ran = subprocess.run(
                command,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env={**os.environ, FOLDER: place, UNDER: ",".join(target.under)},
                timeout=within_s,
                check=False,
            )
    except subprocess.TimeoutExpired as late:
        return late.stdout or b"", "it did not end in time"
    return ran.stdout, "" if ran.returncode == 0 else f"exit code {ran.returncode}"


@contextmanager
def _processor_time() -> Iterator[_Spent]:
    began = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = _Spent()
    yield spent
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent.cpu_s = now.ru_utime + now.ru_stime - began.ru_utime - began.ru_stime


def _executions(output: bytes) -> int:
    final = _EXECUTED.findall(output)
    if final:
        return int(final[-1])
    return max((int(done or step) for done, step in _DONE.findall(output)), default=0)
