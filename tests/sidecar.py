"""The daemon as a real process, over one folder that stands for the VM's disk."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drainer.control.client import ask
from drainer.errors import DrainerError
from metadata_server.config import ClockKind
from metadata_server.testing import ServedEmulator, serve_in_thread, vms
from tests.until import DEADLINE_S, until

DRAINER = (sys.executable, "-m", "drainer")

POLICY = """\
version: 1
service_ports: [{port}]
health: {{tcp: "{at}", passes: 2, every: 100ms}}
backend:
{backend}
rules:
  - match: {{}}
    do: drain
    force: 1s
    drain_timeout: 2s
    quiet_for: 100ms
    settle: {settle}
"""

PROBE = """\
  - health-probe:
      marker: "{marker}"
      route: "{route}"
      interval: 100ms
      threshold: 1"""

NOBODY = "http://127.0.0.1:1/ready"
"""A probed route that never answers: down, as the prober sees it."""

ENDED_WITHIN_S = 60


class Sidecar:
    """Start, stop, kill and read one daemon."""

    def __init__(
        self,
        root: Path,
        metadata_url: str,
        *,
        settle: str = "100ms",
        backend: str = "",
        route: str = NOBODY,
        host: str = "127.0.0.1",
    ) -> None:
        """`backend`: the layers as the policy lists them; by default the health probe asked at `route`.

        `host`: where the application listens."""
        root.mkdir(parents=True, exist_ok=True)
        self.root = root
        self.metadata_url = metadata_url
        self.marker = root / "draining"
        self.policy = root / "policy.yaml"
        self.state = root / "state"
        self.socket = root / "control.sock"
        self.log = root / "log.jsonl"
        self.boot_id = root / "boot_id"
        self.boot_id.write_text("boot-1\n", encoding="ascii")
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        # Nobody accepts: what the deep check connects to stays in the queue, for as long as this lives.
        self.application = socket.create_server((host, 0), family=family, backlog=socket.SOMAXCONN)
        port = self.application.getsockname()[1]
        layers = backend or PROBE.format(marker=self.marker, route=route)
        at = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        written = POLICY.format(port=port, at=at, backend=layers, settle=settle)
        self.policy.write_text(written, encoding="utf-8")
        self.process: subprocess.Popen[bytes] | None = None
        self.starts = 0

    def flags(self, *more: str) -> list[str]:
        return [
            *("--metadata-url", self.metadata_url, "--policy", str(self.policy)),
            *("--state", str(self.state), "--socket", str(self.socket)),
            *("--local", "off", "--boot-id", str(self.boot_id), *more),
        ]

    def start(
        self, *more: str, environment: Mapping[str, str] | None = None, prefix: Sequence[str] = DRAINER
    ) -> None:
        """Start `run`; `prefix` is the program where it is not the shipped command."""
        command = [*prefix, "run", *self.flags(*more)]
        self.starts += 1
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, stderr=log, stdout=log, env={**os.environ, **(environment or {})}
            )

    def add_policy(self, text: str) -> None:
        """Further members of the policy."""
        with self.policy.open("a", encoding="utf-8") as opened:
            opened.write(text)

    def change_policy(self, old: str, new: str) -> None:
        text = self.policy.read_text(encoding="utf-8")
        assert old in text
        self.policy.write_text(text.replace(old, new), encoding="utf-8")

    def told(self, verb: str, *more: str) -> subprocess.CompletedProcess[str]:
        """What a verb of the command line ends with and says, told this daemon's socket and state."""
        return subprocess.run(
            [*DRAINER, verb, *more],
            env={**os.environ, "DRAINER_SOCKET": str(self.socket), "DRAINER_STATE": str(self.state)},
            capture_output=True,
            text=True,
            timeout=ENDED_WITHIN_S,
            check=False,
        )

    def status(self) -> dict[str, Any]:
        """What the living daemon says over its socket."""
        shown: dict[str, Any] = ask(self.socket, "status")["status"]
        return shown

    def status_if_any(self) -> dict[str, Any] | None:
        """None where nobody answers: not yet at a start, not any more after a death."""
        try:
            return self.status()
        except (OSError, DrainerError):
            return None

    def until_alarmed(self, kind: str) -> str:
        """Wait for this alarm; its reason."""
        until(lambda: self._alarm(kind), f"the alarm {kind} in {self.log}")
        return self._alarm(kind)

    def _alarm(self, kind: str) -> str:
        raised = [line for line in self.said() if line["event"] == "alarm.raised" and line["kind"] == kind]
        return str(raised[-1]["reason"]) if raised else ""

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(timeout=30)

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(timeout=30)

    def hang_up(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGHUP)

    def ended(self) -> int:
        """The exit code of a daemon that ends by itself."""
        assert self.process is not None
        return self.process.wait(timeout=30)

    @property
    def runs(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def close(self) -> None:
        if self.runs:
            self.kill()
        self.application.close()

    def said(self) -> list[dict[str, Any]]:
        if not self.log.exists():
            return []
        lines = self.log.read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def events(self) -> list[str]:
        return [line["event"] for line in self.said()]

    def until_said(self, event: str, *, times: int = 1, within_s: float = DEADLINE_S) -> None:
        def heard() -> bool:
            ended = self.process is not None and self.process.poll() is not None
            there = self.events().count(event) >= times
            assert there or not ended, f"the daemon ended: {self.log.read_text(encoding='utf-8')[-3000:]}"
            return there

        until(heard, f"{event} in {self.log}", within_s=within_s)

    def journal(self) -> list[dict[str, Any]]:
        path = self.state / "journal.jsonl"
        if not path.exists():
            return []
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]

    def steps(self) -> list[str]:
        """Steps that touched the world, in order, by the log."""
        return [name.removesuffix(".intended") for name in self.events() if name.endswith(".intended")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """One VM: its platform and its sidecar, which is not started yet. Its name is unlike any other test's."""

    vm: str
    platform: ServedEmulator
    sidecar: Sidecar

    def schedule(self, *, in_: str = "60s", type: str = "Reboot") -> str:
        """Announce an event of this VM; its id."""
        return str(self.platform.control.give("schedule", type=type, vms=[self.vm], in_=in_)["id"])

    def complete(self, event_id: str) -> None:
        """The event is over, whether it had started or not."""
        self.platform.control.give("complete" if self.started(event_id) else "cancel", id=event_id)

    def started(self, event_id: str) -> bool:
        """Whether it is approved, or its time has come."""
        return self.document().get(event_id) == "Started"

    def document(self) -> dict[str, str]:
        """Status of each event that is listed."""
        return {event["id"]: event["status"] for event in self.platform.control.show("events")["events"]}


@contextmanager
def standing(root: Path, *, settle: str = "100ms", backend: str = "", route: str = NOBODY) -> Iterator[Stand]:
    """A platform with one VM and its sidecar; whatever runs is ended."""
    vm = f"vm-{uuid.uuid4()}"
    with serve_in_thread(vms(vm), clock=ClockKind.REAL) as platform:
        sidecar = Sidecar(root, platform.url(vm), settle=settle, backend=backend, route=route)
        try:
            yield Stand(vm=vm, platform=platform, sidecar=sidecar)
        finally:
            sidecar.close()
