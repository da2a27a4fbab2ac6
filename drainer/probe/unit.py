"""`drainer probe`: a unit of its own that answers the balancer's prober, whatever becomes of the daemon.

It knows a marker and a shallow check; no policy, no metadata service, no client library.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType

from drainer.probe import marker as markers
from drainer.probe import shallow
from drainer.probe.server import Server, Verdict
from drainer.probe.tally import Tally

FIRST_PASSED = 3
"""The first descriptor that systemd passes (sd_listen_fds(3), SD_LISTEN_FDS_START)."""


def main(argv: Sequence[str]) -> int:
    """Answer until SIGTERM. 0: told to stop; 1: the address cannot be had; 2: usage."""
    options = _parser().parse_args(argv)
    try:
        listeners = _passed() or [_listener(*options.listen)]
    except OSError as error:
        print(f"probe: cannot listen on {_shown(options.listen)}: {error}", file=sys.stderr)
        return 1
    server = Server(_judge(options.marker, options.check), Tally(options.marker).count)
    addresses = ", ".join(_shown(listener.getsockname()) for listener in listeners)
    print(f"probe: listening on {addresses}, marker {options.marker}", file=sys.stderr, flush=True)
    _serve_until_told(server, listeners)
    return 0


def _serve_until_told(server: Server, listeners: Sequence[socket.socket]) -> None:
    """A signal's own byte ends it, written as it arrives: a handler would not run while a call is waited in
    that the signal just missed (signal.set_wakeup_fd)."""
    stop, tell = socket.socketpair()
    tell.setblocking(False)
    before = {number: signal.signal(number, _noted) for number in (signal.SIGTERM, signal.SIGINT)}
    heard_before = signal.set_wakeup_fd(tell.fileno(), warn_on_full_buffer=False)
    try:
        server.serve(listeners, stop)
    finally:
        signal.set_wakeup_fd(heard_before)
        for number, earlier in before.items():
            signal.signal(number, earlier)
        for end in (stop, tell, *listeners):
            end.close()


def _noted(number: int, frame: FrameType | None) -> None:
    """In place of what ends the process."""


def _judge(marker: Path, check: shallow.Target | None) -> Callable[[], Verdict]:
    """Down while there is a marker, else as the check says. A marker that cannot be looked at is none."""
    passes = shallow.Remembered(lambda: check is None or shallow.passes(check))

    def judge() -> Verdict:
        try:
            which = markers.identity(marker)
        except OSError:
            which = None
        return Verdict(up=which is None and passes(), marker=which)

    return judge


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="drainer probe",
        description="Answer a balancer's prober on /ready: 503 while the marker is there, else as the check.",
        epilog="variables: DRAINER_LISTEN, DRAINER_MARKER, DRAINER_CHECK; a flag goes over its variable",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--listen",
        type=_address,
        default=os.environ.get("DRAINER_LISTEN") or "0.0.0.0:9180",
        metavar="ADDRESS:PORT",
        help="default 0.0.0.0:9180; IPv6 in brackets; sockets passed by systemd go first",
    )
    parser.add_argument(
        "--marker",
        type=Path,
        default=os.environ.get("DRAINER_MARKER") or "/var/lib/drainer/draining",
        metavar="PATH",
        help="default /var/lib/drainer/draining",
    )
    parser.add_argument(
        "--check",
        type=_target,
        default=os.environ.get("DRAINER_CHECK") or None,
        metavar="URL|HOST:PORT",
        help="up only where this http:// URL answers 200, or this accepts, within 1 s; default: none",
    )
    return parser


def _target(text: str) -> shallow.Target:
    try:
        return shallow.target(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    digits = port.isascii() and port.isdigit() and len(port) <= 5
    if not bare or not digits or int(port) > 65535 or (":" in bare) is not host.startswith("["):
        raise argparse.ArgumentTypeError(f"expected ADDRESS:PORT (IPv6 in brackets), got {text!r}")
    return bare, int(port)


def _shown(address: tuple[str, int]) -> str:
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _listener(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=128)


def _passed() -> list[socket.socket]:
    """Listening sockets that systemd passed to this very process."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return []
    stated = os.environ.get("LISTEN_FDS", "0")
    count = int(stated) if stated.isascii() and stated.isdigit() and len(stated) < 4 else 0
    return [socket.socket(fileno=FIRST_PASSED + index) for index in range(count)]
