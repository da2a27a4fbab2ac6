"""A backend for drainer: this VM's line in an nginx upstream file.

Reads and writes one file on this machine and has nginx reload it. What is marked `down` is out.
"""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from drainer.core.model import Done, Entry, InFlight, Membership, Progress, Standing, Unmeasured, Work
from drainer.errors import Broken, Refused, Transient
from drainer.ports import BackendKind, Surroundings

LINE = re.compile(r"^\s*server\s+(?P<server>\S+?)(?P<words>(?:\s+[^;\s]+)*)\s*;", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """`server` as the file has it. `reload` is an argument list."""

    file: str
    server: str
    reload: tuple[str, ...] = ("nginx", "-s", "reload")

    def __post_init__(self) -> None:
        if not Path(self.file).is_absolute():
            raise ValueError(f"file: expected an absolute path, got {self.file!r}")


class NginxUpstream:
    """One entry: the line of this VM's server."""

    name = "nginx-upstream"
    cordons = True
    isolates = False
    read_every = timedelta(0)
    settles_in = timedelta(0)

    def __init__(self, options: Options) -> None:
        self._options = options
        self._path = Path(options.file)

    def membership(self) -> Membership:
        down = self._down()
        if down is None:
            return Membership(entries=())
        standing = Standing.OUT if down else Standing.IN
        return Membership(entries=(Entry(name=self._options.server, standing=standing),))

    def in_flight(self) -> Work:
        """nginx does not tell: it adds nothing to the VM's own count of connections."""
        return InFlight(count=0)

    def cordon(self) -> Progress:
        if self._down() is False:
            self._mark(down=True)
        return Done()

    def isolate(self, was: Membership) -> Progress:
        raise Refused("cannot-isolate", "a line is marked down, never removed")

    def restore(self, was: Membership) -> Progress:
        if self._options.server not in was.taking_work:
            return Done()
        down = self._down()
        if down is None:
            raise Refused("entry-gone", f"{self._path} no longer names {self._options.server}")
        if down:
            self._mark(down=False)
        return Done()

    def in_service_count(self) -> int | Unmeasured:
        others = (m for m in LINE.finditer(self._text()) if m["server"] != self._options.server)
        return sum("down" not in line["words"].split() for line in others)

    def undo(self) -> str:
        edit = f"sed -i '/server {self._options.server} /s/ down//' {self._path}"
        return f"{edit} && {' '.join(self._options.reload)}"

    def close(self) -> None:
        """Nothing is held."""

    def _down(self) -> bool | None:
        """None: the file does not name this server."""
        for line in LINE.finditer(self._text()):
            if line["server"] == self._options.server:
                return "down" in line["words"].split()
        return None

    def _text(self) -> str:
        try:
            return self._path.read_text(encoding="utf-8")
        except OSError as error:
            raise Transient("file-unreadable", f"{self._path}: {error.strerror}") from error

    def _mark(self, *, down: bool) -> None:
        """Write the file anew, whole, then have it read."""

        def marked(line: re.Match[str]) -> str:
            if line["server"] != self._options.server:
                return line[0]
            words = [word for word in line["words"].split() if word != "down"]
            return f"    {' '.join(['server', line['server'], *words, *(['down'] if down else [])])};"

        fresh = self._path.with_name(f".{self._path.name}.new")
        try:
            fresh.write_text(LINE.sub(marked, self._text()), encoding="utf-8")
            os.replace(fresh, self._path)
            subprocess.run(self._options.reload, check=True, timeout=5, capture_output=True)
        except FileNotFoundError as error:
            raise Broken("command-missing", f"{error.filename} is not there") from error
        except (OSError, subprocess.SubprocessError) as error:
            raise Transient("nginx-unchanged", str(error)) from error


def build(options: Options, around: Surroundings) -> NginxUpstream:
    return NginxUpstream(options)


KIND = BackendKind(name="nginx-upstream", options=Options, build=build)
