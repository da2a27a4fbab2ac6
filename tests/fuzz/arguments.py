"""Command lines and the environment. Nothing is run: what is parsed is only read into settings."""

from __future__ import annotations

import argparse
import contextlib
import io
from collections.abc import Callable
from functools import cache

from drainer.cli import entry
from drainer.probe import unit
from drainer.settings import FLAGS, SettingInvalid, resolve
from metadata_server.cli import serve
from metadata_server.cli.main import parser as emulator_parser
from metadata_server.errors import EmulatorError
from tests.fuzz.target import Target

BETWEEN = b"\0"


def drainer(content: bytes) -> None:
    """Arguments are settings, a setting that is named as wrong, or the exit codes of help and usage."""
    parsed = _parsed(entry.parser, content)
    if parsed is not None:
        with contextlib.suppress(SettingInvalid):
            resolve(vars(parsed), {})


def variables(content: bytes) -> None:
    """The same words as values of every variable: settings, or one that is named as wrong."""
    text = content.decode("utf-8", "surrogateescape").replace("\0", "")
    for flag in FLAGS.values():
        with contextlib.suppress(SettingInvalid):
            resolve({}, {flag.variable: text})


def probe(content: bytes) -> None:
    _parsed(unit._parser, content)


def metadata_server(content: bytes) -> None:
    """A command line of the emulator is a configuration or refused in words; files are not read here."""
    parsed = _parsed(emulator_parser, content)
    if parsed is None or parsed.run is not serve.run or parsed.topology is not None or parsed.facts:
        return
    with contextlib.suppress(EmulatorError):
        serve.config(parsed)


def _parsed(parser: Callable[[], argparse.ArgumentParser], content: bytes) -> argparse.Namespace | None:
    words = content.decode("utf-8", "surrogateescape").split(BETWEEN.decode())
    silent = io.StringIO()
    try:
        with contextlib.redirect_stderr(silent), contextlib.redirect_stdout(silent):
            return _built(parser).parse_args(words)
    except SystemExit as ended:
        assert ended.code in (0, 2)
        return None


@cache
def _built(parser: Callable[[], argparse.ArgumentParser]) -> argparse.ArgumentParser:
    """Built once: to build it takes a hundred times as long as to read a line with it."""
    return parser()


def _lines(*lines: str) -> Callable[[], tuple[bytes, ...]]:
    return lambda: tuple(BETWEEN.join(word.encode() for word in line.split()) for line in lines)


TARGETS = (
    Target(
        name="drainer-arguments",
        one=drainer,
        under=("drainer.cli", "drainer.settings"),
        seeds=_lines(
            "run --policy /etc/p.yaml --vm-name vm1 --metadata-url http://169.254.169.254",
            "status --json",
            "hold --until 2030-01-01T00:00:00Z",
            "skip A",
            "doctor --roles --read-only --jitter 5",
            "explain --document x --vm-name vm1",
            "rescue /subscriptions/s --run",
        ),
        longest=512,
        words=(
            "run",
            "--policy",
            "--vm-name",
            "--socket",
            "--listen",
            "--json",
            "--help",
            "http://[::1]:80",
            "http://[",
        ),
    ),
    Target(
        name="drainer-variables",
        one=variables,
        under=("drainer.settings",),
        seeds=_lines(
            "http://169.254.169.254:80", "https://management.azure.com", "127.0.0.1:9180", "[::1]:80", "1"
        ),
        longest=256,
        words=("http://", "https://", "[", "]", ":", "@", "²", "99999", "off", "unix:"),
    ),
    Target(
        name="probe-arguments",
        one=probe,
        under=("drainer.probe.unit",),
        seeds=_lines(
            "--listen [::]:9180 --marker /x --check http://127.0.0.1:80/ready", "--check 127.0.0.1:80"
        ),
        longest=256,
        words=("--listen", "--check", "http://", "[", "]", "²", ":", "@", "?"),
    ),
    Target(
        name="emulator-arguments",
        one=metadata_server,
        under=("metadata_server.cli",),
        seeds=_lines(
            "serve --vm vm1=127.0.0.1:0,ud=1,set=s --control 127.0.0.1:0 --clock manual --start 2030-01-01T00:00:00Z",
            "serve --vm vm1=[::1]:80,source=10.0.0.4 --v1 json --switch ack-unknown=200",
            "schedule --control http://127.0.0.1:1 --type Reboot --vm vm1 --in 15m",
        ),
        longest=512,
        words=("--vm", "serve", "--switch", "--start", "0001-01-01T00:00:00+23:59", "9" * 5000, "²", "="),
    ),
)
