"""The daemon as a real process, over one folder that stands for the VM's disk."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.until import until

DRAINER = (sys.executable, "-m", "drainer")

POLICY = """\
version: 1
service_ports: [{port}]
health: {{tcp: "127.0.0.1:{port}", passes: 2, every: 100ms}}
backend:
  - health-probe:
      marker: "{marker}"
      route: "http://127.0.0.1:1/ready"
      interval: 100ms
      threshold: 1
rules:
  - match: {{}}
    do: drain
    force: 1s
    drain_timeout: 2s
    quiet_for: 100ms
    settle: {settle}
"""


class Sidecar:
    """Start, stop, kill and read one daemon."""

    def __init__(self, root: Path, metadata_url: str, *, settle: str = "100ms") -> None:
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
        self.application = socket.create_server(("127.0.0.1", 0))
        port = self.application.getsockname()[1]
        text = POLICY.format(port=port, marker=self.marker, settle=settle)
        self.policy.write_text(text, encoding="utf-8")
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

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.kill()
        self.application.close()

    def said(self) -> list[dict[str, Any]]:
        if not self.log.exists():
            return []
        lines = self.log.read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def events(self) -> list[str]:
        return [line["event"] for line in self.said()]

    def until_said(self, event: str, *, times: int = 1) -> None:
        def heard() -> bool:
            ended = self.process is not None and self.process.poll() is not None
            there = self.events().count(event) >= times
            assert there or not ended, f"the daemon ended: {self.log.read_text(encoding='utf-8')[-3000:]}"
            return there

        until(heard, f"{event} in {self.log}")

    def journal(self) -> list[dict[str, Any]]:
        path = self.state / "journal.jsonl"
        if not path.exists():
            return []
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]

    def steps(self) -> list[str]:
        """Steps that touched the world, in order, by the log."""
        return [name.removesuffix(".intended") for name in self.events() if name.endswith(".intended")]
