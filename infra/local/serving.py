"""The emulator in the platform's namespace: one address for all VMs, which are told apart by their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from drainer.demo.machine import started
from drainer.demo.namespaces import METADATA_HOST, PLATFORM, Network
from drainer.demo.until import until

CONTROL = "127.0.0.1:9000"
"""In the platform's namespace alone: no VM reaches it."""

FOLDER = Path("/run/drainer-vms")


def folder(network: Network) -> Path:
    return FOLDER / network.name


def serve(network: Network) -> subprocess.Popen[bytes]:
    """Start it; returns once it answers. RuntimeError with its own words where it ended."""
    root = folder(network)
    root.mkdir(parents=True, exist_ok=True)
    log = root / "metadata-server.log"
    log.unlink(missing_ok=True)
    process = started([*network.inside(PLATFORM), *_command(network)], log)

    def answers() -> bool:
        said = log.read_text(encoding="utf-8", errors="replace")
        if process.poll() is not None:
            raise RuntimeError(f"the metadata server ended at its start:\n{said[-2000:]}")
        return "ready" in said.split()

    until(answers, "the metadata server to answer", within_s=60)
    return process


def _command(network: Network) -> list[str]:
    command = [sys.executable, "-m", "metadata_server", "serve", "--control", CONTROL]
    for domain, vm in enumerate(network.vms):
        told_by = f"source={network.address(vm)},ud={domain},fd={domain},set=web"
        command += ["--vm", f"{vm}={METADATA_HOST}:80,{told_by}"]
    return command
