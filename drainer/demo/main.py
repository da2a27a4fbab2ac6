"""`drainer demo`: three VMs, three reboots, live traffic; with the sidecars, then without."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from drainer.demo import picture, report
from drainer.demo.front import FRONTS
from drainer.demo.report import Outcome
from drainer.demo.roll import SHORT, Act, Stage, roll, staged
from drainer.demo.show import Show
from drainer.demo.summary import summarise
from drainer.demo.until import TooLate

VMS = 3
EXIT_OK, EXIT_FAILED = 0, 1


def main(argv: Sequence[str]) -> int:
    """0 only if it worked: every VM rebooted and restored, nothing failed, and the control run did fail."""
    options = _parser().parse_args(list(argv))
    act = SHORT if options.short else Act()
    console = Console(stderr=False)
    options.report.mkdir(parents=True, exist_ok=True)
    runs = {"without the sidecar": False} if options.without_sidecar else WITH_AND_WITHOUT
    try:
        outcomes, panels = _perform(console, runs, backend=options.backend, act=act)
    except (TooLate, RuntimeError) as error:
        console.print(f"[bold red]The demo broke off:[/] {error}", highlight=False)
        return EXIT_FAILED
    return _conclude(console, outcomes, panels, options, act)


WITH_AND_WITHOUT = {"with the sidecar": True, "without the sidecar": False}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="drainer demo", description=__doc__)
    parser.add_argument("--short", action="store_true", help="fewer requests, for CI")
    parser.add_argument("--without-sidecar", action="store_true", help="the control run alone")
    parser.add_argument("--backend", choices=sorted(FRONTS), default="health-probe", metavar="NAME")
    parser.add_argument("--report", type=Path, default=Path("report"), metavar="DIR")
    return parser


def _perform(
    console: Console, runs: dict[str, bool], *, backend: str, act: Act
) -> tuple[dict[str, Outcome], list[picture.Panel]]:
    outcomes, panels = {}, []
    for title, sidecar in runs.items():
        with tempfile.TemporaryDirectory(prefix="drainer-demo-") as root:
            outcomes[title], panel = _one(
                console, Path(root), title, backend=backend, sidecar=sidecar, act=act
            )
        panels.append(panel)
    return outcomes, panels


def _one(
    console: Console, root: Path, title: str, *, backend: str, sidecar: bool, act: Act
) -> tuple[Outcome, picture.Panel]:
    with staged(root, backend=backend, sidecar=sidecar, act=act) as stage:
        names = tuple(place.name for place in stage.places)
        with Show(console, f"Rolling maintenance {title} ({backend})", names) as show:
            stage.load.answered = lambda result: show.answered(result.vm, ok=result.ok)
            stage.watched.looked = show.out
            roll(stage, act, show.happened)
            stage.load.stop()
    return _summed_up(stage, title)


def _summed_up(stage: Stage, title: str) -> tuple[Outcome, picture.Panel]:
    watched, results = stage.watched, tuple(stage.load.results)
    outcome = Outcome(
        summary=summarise(results, out=watched.out),
        reboots=watched.reboots,
        restored=watched.restored,
        seconds_out=watched.seconds_out(),
    )
    panel = picture.Panel(title=title.capitalize(), results=results, out=watched.out, marks=watched.marks)
    return outcome, panel


def _conclude(
    console: Console,
    outcomes: dict[str, Outcome],
    panels: list[picture.Panel],
    options: argparse.Namespace,
    act: Act,
) -> int:
    folder: Path = options.report
    drained, control = outcomes.get("with the sidecar"), outcomes.get("without the sidecar")
    report.write_json(folder / "report.json", drained, control, backend=options.backend)
    picture.draw(panels, png=folder / "traffic.png", svg=folder / "traffic.svg")
    report.table(console, outcomes)
    console.print(f"report: {folder}/report.json   picture: {folder}/traffic.png", highlight=False)
    if drained is None:
        return EXIT_OK
    wrong = report.verdict(drained, control, vms=VMS, at_least=act.at_least)
    for line in wrong:
        console.print(f"[bold red]not as promised:[/] {line}", highlight=False)
    return EXIT_FAILED if wrong else EXIT_OK


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
