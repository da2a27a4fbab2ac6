"""Network namespaces as VMs: each with one link, and the platform at the addresses that Azure gives it.

One more namespace is the platform: a bridge that holds 169.254.169.254, the prober's 168.63.129.16 and what
else answers the VMs. Knows iproute2 alone; what runs inside is another's.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

METADATA_HOST = "169.254.169.254"
PROBER_HOST = "168.63.129.16"
"""Where Azure's probes come from (Microsoft Learn, "What is IP address 168.63.129.16?")."""

GATEWAY_HOST = "10.77.0.1"
BALANCER_HOST = "10.77.0.5"
MANAGEMENT_HOST = "10.77.0.6"
PLATFORM_HOSTS = (
    f"{GATEWAY_HOST}/24",
    f"{BALANCER_HOST}/32",
    f"{MANAGEMENT_HOST}/32",
    f"{METADATA_HOST}/32",
    f"{PROBER_HOST}/32",
)
PLATFORM = "platform"
NAMED = Path("/run/netns")
OWN = Path("/proc/self/ns/net")
LONGEST_NAME = 15
"""Of a link, which the kernel limits (linux/if.h, IFNAMSIZ)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """The namespaces of one run: `name` goes before each of theirs, so that runs do not meet."""

    name: str
    vms: tuple[str, ...] = ("vm1", "vm2", "vm3")

    def __post_init__(self) -> None:
        for vm in self.vms:
            if vm == PLATFORM or not 0 < len(vm) <= LONGEST_NAME:
                raise ValueError(f"vms: expected 1 to {LONGEST_NAME} letters, not {PLATFORM!r}, got {vm!r}")

    def up(self, *, platform_pid: int | None = None) -> None:
        """Build it; `platform_pid`: a process whose own namespace becomes the platform's.

        RuntimeError with what `ip` said; then nothing of it is left.
        """
        try:
            self._platform(platform_pid)
            for vm in self.vms:
                self._vm(vm)
        except RuntimeError:
            self.down()
            raise

    def down(self) -> None:
        """Take the names away, and kill what runs in the VMs, then in the platform unless it is our own.

        The name first: what is about to enter by it would come too late to be killed. While we hold the
        namespace open no other one is taken for it.
        """
        for place in (*self.vms, PLATFORM):
            if self.path(place).exists():
                with self.path(place).open("rb") as held:
                    ip("netns", "delete", self.namespace(place))
                    there = os.fstat(held.fileno())
                    if not os.path.samestat(there, OWN.stat()):
                        _kill_all(there)

    def address(self, vm: str) -> str:
        """Its own; ValueError where there is no such VM."""
        return f"10.77.0.{11 + self.vms.index(vm)}"

    def namespace(self, place: str) -> str:
        """Of a VM, or of the platform."""
        return f"{self.name}-{place}"

    def path(self, place: str) -> Path:
        return NAMED / self.namespace(place)

    def inside(self, place: str) -> tuple[str, ...]:
        """What goes before a command that is to run there; the command keeps the process's number."""
        return ("nsenter", f"--net={self.path(place)}", "--")

    def link_down(self, vm: str) -> None:
        """The VM's host is gone from the network; its routes go with the link."""
        ip("-n", self.namespace(vm), "link", "set", "eth0", "down")

    def link_up(self, vm: str) -> None:
        """The link and its routes, as a boot brings them; by `src` the platform tells who asks."""
        there = ("-n", self.namespace(vm))
        address = self.address(vm)
        ip(*there, "link", "set", "eth0", "up")
        ip(*there, "route", "replace", "default", "via", GATEWAY_HOST)
        ip(*there, "route", "replace", f"{METADATA_HOST}/32", "dev", "eth0", "src", address)

    def cut(self, vm: str, *, silent: bool) -> None:
        """Kill everything in it and take its link down: first the link where it is to fall `silent`."""
        if silent:
            self.link_down(vm)
        self.kill_all(vm)
        self.link_down(vm)

    def pids(self, place: str) -> tuple[int, ...]:
        """Everything that runs there now."""
        return _inside(self.path(place).stat())

    def kill_all(self, place: str) -> None:
        """SIGKILL until nothing is left there that could start more."""
        _kill_all(self.path(place).stat())

    def _platform(self, pid: int | None) -> None:
        name = self.namespace(PLATFORM)
        if pid is None:
            ip("netns", "add", name)
        else:
            ip("netns", "attach", name, str(pid))
        there = ("-n", name)
        ip(*there, "link", "set", "lo", "up")
        ip(*there, "link", "add", "vms", "type", "bridge")
        for host in PLATFORM_HOSTS:
            ip(*there, "address", "add", host, "dev", "vms")
        ip(*there, "link", "set", "vms", "up")

    def _vm(self, vm: str) -> None:
        name, platform = self.namespace(vm), ("-n", self.namespace(PLATFORM))
        ip("netns", "add", name)
        ip("-n", name, "link", "set", "lo", "up")
        ip(*platform, "link", "add", vm, "type", "veth", "peer", "name", "eth0", "netns", name)
        ip(*platform, "link", "set", vm, "master", "vms", "up")
        ip("-n", name, "address", "add", f"{self.address(vm)}/24", "dev", "eth0")
        self.link_up(vm)


def ip(*arguments: str) -> str:
    """What `ip` prints. RuntimeError with what it complains of."""
    program = shutil.which("ip") or shutil.which("ip", path="/usr/sbin:/sbin")
    if program is None:
        raise RuntimeError("no ip program found; install the Debian package `iproute2`")
    ran = subprocess.run([program, *arguments], capture_output=True, text=True, check=False, timeout=60)
    if ran.returncode != 0:
        raise RuntimeError(f"ip {' '.join(arguments)}: {ran.stderr.strip() or ran.returncode}")
    return ran.stdout


def _running() -> tuple[int, ...]:
    return tuple(int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal())


def _inside(namespace: os.stat_result) -> tuple[int, ...]:
    return tuple(pid for pid in _running() if _is_in(pid, namespace))


def _kill_all(namespace: os.stat_result) -> None:
    while pids := _inside(namespace):
        for pid in pids:
            _kill(pid)


def _is_in(pid: int, namespace: os.stat_result) -> bool:
    """Nothing is in a namespace that has ended, waited for or not."""
    try:
        return os.path.samestat(os.stat(f"/proc/{pid}/ns/net"), namespace)
    except OSError:
        return False


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
