"""One real VM: a Debian with systemd as its first process, in its own namespace of the network."""

from __future__ import annotations

import contextlib
import subprocess
from pathlib import Path

from drainer.demo.machine import started
from drainer.demo.namespaces import Network
from infra.local import cgroup

REBOOTED = 133
"""What systemd-nspawn ends with when its VM reboots and it may not start it again itself."""

INIT = 1
ENTERED = ("--mount", "--uts", "--ipc", "--net", "--pid")
LONGEST_S = 60


class Guest:
    """Boots, is told, reboots, loses its power. Its disk is `root`."""

    def __init__(self, vm: str, *, root: Path, network: Network, folder: Path) -> None:
        self.vm = vm
        self.root = root
        self._network = network
        self._console = folder / f"{vm}.console"
        self._groups = cgroup.make(network.namespace(vm))
        self._process: subprocess.Popen[bytes] | None = None
        self.boots = 0

    def boot(self) -> None:
        """Link up, routes, init. Returns at once."""
        self.boots += 1
        self._network.link_up(self.vm)
        command = [
            *("systemd-nspawn", "--quiet", "-D", str(self.root), "-M", self._network.namespace(self.vm)),
            *("--boot", "--register=no", "--keep-unit", "--console=pipe", "--kill-signal=SIGKILL"),
            f"--network-namespace-path={self._network.path(self.vm)}",
        ]
        self._process = started(cgroup.inside(self._groups, command), self._console)

    def power_cut(self) -> None:
        """The host vanishes: first the link, so that nothing is heard of it, then all, init included."""
        self._network.cut(self.vm, silent=True)
        self._end()

    def reboot(self) -> None:
        """As its operator: `systemctl reboot`. Returns at once; `rebooted` tells when it went down."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.run("systemctl", "reboot")

    @property
    def rebooted(self) -> bool:
        """Whether it has gone down for a reboot. RuntimeError where it ended in another way."""
        code = None if self._process is None else self._process.poll()
        if code is None:
            return False
        if code != REBOOTED:
            raise RuntimeError(f"{self.vm} ended with {code}, expected {REBOOTED}; see {self._console}")
        self._network.link_down(self.vm)
        self._process = None
        return True

    def stop(self) -> None:
        self._network.kill_all(self.vm)
        self._end()
        cgroup.remove(self._groups)

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """A command inside, by its root; RuntimeError where the VM has no init."""
        inside = ["nsenter", f"--target={self._init()}", *ENTERED, "--", *command]
        return subprocess.run(inside, capture_output=True, text=True, check=False, timeout=LONGEST_S)

    def says(self, *command: str) -> str:
        """What the command prints; "" where there is nothing to enter yet."""
        try:
            return self.run(*command).stdout.strip()
        except (RuntimeError, subprocess.TimeoutExpired):
            return ""

    def _init(self) -> int:
        """The process outside that is number 1 inside."""
        for pid in self._network.pids(self.vm):
            with contextlib.suppress(OSError):
                status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
                numbers = next(line for line in status.splitlines() if line.startswith("NSpid:")).split()
                if len(numbers) > 2 and int(numbers[-1]) == INIT:
                    return pid
        raise RuntimeError(f"{self.vm} has no init; see {self._console}")

    def _end(self) -> None:
        """systemd-nspawn sees that its VM is gone."""
        if self._process is None:
            return
        try:
            self._process.wait(timeout=LONGEST_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None
