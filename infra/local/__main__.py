"""`python -m infra.local`: network namespaces as VMs, each with the metadata service at 169.254.169.254.

`up`, `exec` and `down` need root. `run` does not where the system lets users have user namespaces: it builds
all of it for one command, in which `exec` works too.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
from collections.abc import Sequence

from drainer.demo import unshared
from drainer.demo.namespaces import NAMED, PLATFORM, Network
from infra.local.serving import CONTROL, folder, serve

EXIT_OK, EXIT_FAILED = 0, 1
NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")


def main(argv: Sequence[str]) -> int:
    """0 where it was done; of `exec` and `run`, the command's own code."""
    options = _parser().parse_args(list(argv))
    try:
        return VERBS[options.verb](options)
    except (RuntimeError, OSError) as error:
        print(f"infra.local: {error}", file=sys.stderr)
        return EXIT_FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.local", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb, says in (("up", "build the VMs and serve them"), ("down", "kill all in them, and take down")):
        _named(verbs.add_parser(verb, help=says))
    inside = _named(verbs.add_parser("exec", help=f"run a command in a VM, or in {PLATFORM}"))
    inside.add_argument("place", help=f"a VM, or {PLATFORM}, where the controller listens on {CONTROL}")
    inside.add_argument("command", nargs=argparse.REMAINDER)
    once = _named(verbs.add_parser("run", help="up, then a command (a shell) in the platform, then down"))
    once.add_argument("command", nargs=argparse.REMAINDER)
    return parser


def _named(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("--name", type=_name, default="drainer", help="tells several apart")
    return parser


def _name(text: str) -> str:
    if NAME.fullmatch(text) is None:
        raise argparse.ArgumentTypeError(f"expected small letters, digits and hyphens, got {text!r}")
    return text


def _up(options: argparse.Namespace) -> int:
    network = Network(name=options.name)
    if network.path(PLATFORM).exists():
        raise RuntimeError(f"{network.name} is up already; `down --name {network.name}` first")
    network.up()
    try:
        serve(network)
    except RuntimeError:
        network.down()
        raise
    for vm in network.vms:
        print(f"{vm} {network.address(vm)}")
    print(f"up: {len(network.vms)} VMs, controller {CONTROL} in {network.namespace(PLATFORM)}")
    return EXIT_OK


def _down(options: argparse.Namespace) -> int:
    network = Network(name=options.name)
    there = sum(network.path(place).exists() for place in (*network.vms, PLATFORM))
    network.down()
    shutil.rmtree(folder(network), ignore_errors=True)
    print(f"down: {there} namespaces")
    return EXIT_OK


def _exec(options: argparse.Namespace) -> int:
    network = Network(name=options.name)
    if not network.path(options.place).exists():
        there = ", ".join(sorted(path.name for path in NAMED.glob(f"{network.name}-*"))) or "none"
        raise RuntimeError(f"no namespace {network.namespace(options.place)} here (there: {there})")
    wanted = _command(options)
    if not wanted:
        raise RuntimeError("expected a command")
    sys.stdout.flush()
    command = [*network.inside(options.place), *wanted]
    os.execvp(command[0], command)  # an argument list, no shell


def _run(options: argparse.Namespace) -> int:
    unshared.become("infra.local.inside", [options.name, *_command(options)])
    return EXIT_OK


def _command(options: argparse.Namespace) -> list[str]:
    """Without the `--` that sets it off."""
    command: list[str] = options.command
    return command[1:] if command[:1] == ["--"] else command


VERBS = {"up": _up, "down": _down, "exec": _exec, "run": _run}


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
