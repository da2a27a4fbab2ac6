"""One VM of the demo as processes: the application and, unless left out, the sidecar. A reboot kills both."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from drainer.demo.namespaces import Network
from drainer.demo.places import Place


class Machine:
    """Starts, kills and starts again. It stops only what it started."""

    def __init__(
        self,
        place: Place,
        *,
        sidecar: bool,
        warm_up_s: float,
        flags: tuple[str, ...] = (),
        network: Network | None = None,
    ) -> None:
        """`flags`: what the sidecar is started with beside its places; `network`: of which it is a VM."""
        self.place = place
        self._network = network
        self._with_sidecar = sidecar
        self._flags = flags
        self._warm_up_s = warm_up_s
        self._processes: list[subprocess.Popen[bytes]] = []
        self.sidecar: subprocess.Popen[bytes] | None = None
        self.boots = 0

    def boot(self, *, warm: bool = False) -> None:
        """Start everything of this VM; `warm`: the application answers at once."""
        self.boots += 1
        place = self.place
        if self._network is not None:
            self._network.link_up(place.name)
        self._start(
            "application",
            [
                *(sys.executable, "-P", "-m", "drainer.demo.application"),
                *("--listen", place.application, "--name", place.name),
                *("--marker", str(place.marker)),
                *("--warm-up", "0" if warm else str(self._warm_up_s)),
            ],
        )
        if self._with_sidecar:
            self.start_sidecar()

    def start_sidecar(self) -> None:
        """Start the sidecar alone, as a supervisor does."""
        self.sidecar = self._start("sidecar", [*sidecar_command(self.place), *self._flags])

    def kill_sidecar(self) -> None:
        """SIGKILL the sidecar alone; the application goes on."""
        if self.sidecar is None:
            return
        self.sidecar.kill()
        self.sidecar.wait()
        self._processes.remove(self.sidecar)
        self.sidecar = None

    def power_cut(self, *, silent: bool = True) -> None:
        """SIGKILL everything in this VM at once; its disk stays. Where the VM has a link it goes down:
        `silent`: before that, so that nothing is heard of the end; else connections are reset first."""
        if self._network is not None:
            self._network.cut(self.place.name, silent=silent)
        for process in self._processes:
            process.send_signal(signal.SIGKILL)
        for process in self._processes:
            process.wait()
        self._processes, self.sidecar = [], None
        self.place.new_boot()

    def stop(self) -> None:
        """SIGTERM, and wait; what does not end is killed."""
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            _end(process)
        self._processes, self.sidecar = [], None

    @property
    def died(self) -> str:
        """The name of a process that ended by itself, or ""."""
        for process in self._processes:
            if process.poll() is not None:
                own = process.args[len(self.place.inside) :] if isinstance(process.args, list) else ["", "it"]
                return " ".join(map(str, own[1:4]))
        return ""

    def _start(self, name: str, command: list[str]) -> subprocess.Popen[bytes]:
        process = started([*self.place.inside, *command], self.place.root / f"{name}.log")
        self._processes.append(process)
        return process


def sidecar_command(place: Place) -> list[str]:
    """The command that one would put into a unit, with this VM's places."""
    return [
        *(sys.executable, "-P", "-m", "drainer", "run"),
        *("--metadata-url", place.metadata_url, "--source", "scheduled-events"),
        *("--policy", str(place.policy), "--state", str(place.state)),
        *("--socket", str(place.socket), "--local", "off", "--boot-id", str(place.boot_id)),
    ]


def environment() -> Mapping[str, str]:
    """Ours, without proxies and without drainer's own variables."""
    return {key: value for key, value in os.environ.items() if not key.startswith("DRAINER_")}


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def started(command: list[str], log: Path) -> subprocess.Popen[bytes]:
    """A process of the surroundings, its output in `log`."""
    with log.open("ab") as opened:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=opened, stderr=opened, env=environment()
        )


def ended(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM, and wait; killed if it does not end."""
    process.terminate()
    _end(process)
