"""`drainer demo`: three VMs, three reboots, live traffic; with the sidecars, then without."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from drainer.demo import picture, report, unshared
from drainer.demo.front import FRONTS
from drainer.demo.places import LOOPBACK, Site
from drainer.demo.report import Outcome
from drainer.demo.roll import SHORT, Act, Stage, roll, staged, unheeded
from drainer.demo.show import Show
from drainer.demo.summary import summarise
from drainer.demo.told import unwinding_when_told
from drainer.demo.until import TooLate

VMS = 3
REHASHES = "rehash_on_change=yes"
"""With it the balancer itself places clients anew whenever a member comes or goes."""

EXIT_OK, EXIT_FAILED = 0, 1


def main(argv: Sequence[str]) -> int:
    """0 only if it worked: every VM rebooted and restored, nothing failed, and the control run did fail."""
    options = _parser().parse_args(list(argv))
    console = Console(stderr=False)
    try:
        if options.namespaces:
            unshared.become("drainer.demo.inside", argv)
        with unwinding_when_told():
            return _performed(console, options, LOOPBACK)
    except (TooLate, RuntimeError) as error:
        return _broken_off(console, error)


def inside(argv: Sequence[str], site: Site) -> int:
    """The same, once in namespaces."""
    console = Console(stderr=False)
    try:
        return _performed(console, _parser().parse_args(list(argv)), site)
    except (TooLate, RuntimeError) as error:
        return _broken_off(console, error)


def _broken_off(console: Console, error: RuntimeError) -> int:
    console.print(f"[bold red]The demo broke off:[/] {error}", highlight=False)
    return EXIT_FAILED


def _performed(console: Console, options: argparse.Namespace, site: Site) -> int:
    act = SHORT if options.short else Act()
    options.report.mkdir(parents=True, exist_ok=True)
    runs = {"without the sidecar": False} if options.without_sidecar else WITH_AND_WITHOUT
    outcomes, panels = _perform(console, runs, options=options, act=act, site=site)
    return _conclude(console, outcomes, panels, options, act)


WITH_AND_WITHOUT = {"with the sidecar": True, "without the sidecar": False}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="drainer demo", description=__doc__)
    parser.add_argument("--short", action="store_true", help="fewer requests, for CI")
    parser.add_argument("--without-sidecar", action="store_true", help="the control run alone")
    parser.add_argument(
        "--namespaces",
        action="store_true",
        help="VMs as network namespaces, each with the metadata service at 169.254.169.254",
    )
    parser.add_argument(
        "--backend",
        choices=sorted(FRONTS),
        default="azure",
        metavar="NAME",
        help=f"{', '.join(sorted(FRONTS))} (default azure)",
    )
    parser.add_argument(
        "--switch",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="what the emulated platform does at one point; repeatable",
    )
    parser.add_argument(
        "--report",
        type=Path,
        default=Path("report"),
        metavar="DIR",
        help="where report.json and the pictures go (default report)",
    )
    return parser


def _perform(
    console: Console, runs: dict[str, bool], *, options: argparse.Namespace, act: Act, site: Site
) -> tuple[dict[str, Outcome], list[picture.Panel]]:
    outcomes, panels = {}, []
    for title, sidecar in runs.items():
        with tempfile.TemporaryDirectory(prefix="drainer-demo-") as root:
            outcomes[title], panel = _one(
                console,
                Path(root),
                title,
                options=options,
                sidecar=sidecar,
                act=act if sidecar else unheeded(act),
                site=site,
            )
        panels.append(panel)
    return outcomes, panels


def _one(
    console: Console,
    root: Path,
    title: str,
    *,
    options: argparse.Namespace,
    sidecar: bool,
    act: Act,
    site: Site,
) -> tuple[Outcome, picture.Panel]:
    backend, switches = options.backend, tuple(options.switch)
    with staged(root, backend=backend, sidecar=sidecar, act=act, switches=switches, site=site) as stage:
        names = tuple(place.name for place in stage.places)
        where = ", network namespaces" if site.network else ""
        with Show(console, f"Rolling maintenance {title} ({backend}{where})", names) as show:
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
    wrong = report.verdict(
        drained, control, vms=VMS, at_least=act.at_least, may_move=REHASHES in options.switch
    )
    for line in wrong:
        console.print(f"[bold red]not as promised:[/] {line}", highlight=False)
    return EXIT_FAILED if wrong else EXIT_OK


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
