"""`metadata-server serve`: reads what to serve, prints where it listens, and stops on SIGTERM."""

import argparse
import asyncio
import signal
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from metadata_server.cli.vmoption import FORM, parse_vm
from metadata_server.config import ClockKind, ServeConfig
from metadata_server.errors import BadInput, bad_input
from metadata_server.facts import load_facts
from metadata_server.switches import Switches
from metadata_server.times import INSTANT, parse_instant
from metadata_server.topology import ADDRESS, Address, Topology
from metadata_server.topologyfile import load

if TYPE_CHECKING:
    from metadata_server.serve import Emulator

_T = TypeVar("_T")


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand."""
    serve = commands.add_parser("serve", help="serve VMs until stopped")
    source = serve.add_mutually_exclusive_group(required=True)
    source.add_argument("--vm", action="append", metavar=FORM, help="a VM; repeatable")
    source.add_argument("--topology", type=Path, metavar="FILE", help="VMs, pools and balancers from YAML")
    serve.add_argument(
        "--control", metavar="ADDR:PORT", help="where the controller listens (default: nowhere)"
    )
    serve.add_argument("--clock", choices=[kind.value for kind in ClockKind], default="real")
    serve.add_argument("--start", metavar="INSTANT", help="what a manual clock shows first (default: now)")
    serve.add_argument("--state", type=Path, metavar="DIR", help="keep the scenario here across restarts")
    serve.add_argument("--v1", choices=["seed", "json"], help="the same as --switch v1=…")
    serve.add_argument(
        "--switch",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="what the platform does at one point",
    )
    serve.add_argument(
        "--facts", type=Path, metavar="FILE", help="measured facts as JSON: switches by name, before --switch"
    )
    serve.set_defaults(run=run)


def run(parsed: argparse.Namespace) -> None:
    """Serve until SIGTERM or SIGINT."""
    from metadata_server.serve import Emulator  # the web server is not loaded for the other subcommands

    asyncio.run(_serve(Emulator(config(parsed))))


def config(parsed: argparse.Namespace) -> ServeConfig:
    """What the command line asks for; BadInput for what it cannot mean."""
    return ServeConfig(
        topology=_topology(parsed),
        control=None
        if parsed.control is None
        else _read("--control", ADDRESS, Address.parse, parsed.control),
        clock=ClockKind(parsed.clock),
        starts_at=_starts_at(parsed),
        state=parsed.state,
        switches=_switches(parsed),
    )


async def _serve(emulator: "Emulator") -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        _stop_on(number, stop)

    async def ready() -> None:
        print(*emulator.listeners(), "ready", sep="\n", flush=True)

    await emulator.serve(until=stop, ready=ready)


def _stop_on(number: signal.Signals, stop: asyncio.Event) -> None:
    """By the loop itself: a plain handler would not run while a wait goes on that the signal just missed."""
    loop = asyncio.get_running_loop()
    try:
        loop.add_signal_handler(number, stop.set)
    except NotImplementedError:  # on Windows, whose loop is woken by every signal anyway
        signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))


def _topology(parsed: argparse.Namespace) -> Topology:
    if parsed.topology is not None:
        return load(parsed.topology)
    topology = Topology(vms=tuple(parse_vm(text) for text in parsed.vm))
    problems = list(topology.problems())
    if problems:
        raise BadInput(problems)
    return topology


def _switches(parsed: argparse.Namespace) -> Switches:
    switches = Switches() if parsed.facts is None else load_facts(parsed.facts)
    given = [f"v1={parsed.v1}", *parsed.switch] if parsed.v1 else parsed.switch
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            raise bad_input("--switch", expected="NAME=VALUE", found=text)
        switches = switches.changed(name, value)
    return switches


def _starts_at(parsed: argparse.Namespace) -> datetime | None:
    if parsed.start is None:
        return None
    if parsed.clock != "manual":
        raise bad_input("--start", expected="--clock manual beside it", found=f"--clock {parsed.clock}")
    return _read("--start", INSTANT, parse_instant, parsed.start)


def _read(field: str, expected: str, parse: Callable[[str], _T], text: str) -> _T:
    try:
        return parse(text)
    except ValueError:
        raise bad_input(field, expected=expected, found=text) from None
