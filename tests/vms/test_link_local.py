"""The metadata service at its real address, seen from VMs that are network namespaces."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from drainer.demo import namespaces
from drainer.demo.namespaces import Network, ip
from tests.until import until
from tests.vms.nobody import as_nobody

LOCAL = (sys.executable, "-m", "infra.local")
ASK = "curl -sS --max-time 20 http://169.254.169.254/metadata/v1/InstanceInfo"
SEED = ['{“ID":"vm1","UD":"0","FD":"0"}', '{“ID":"vm2","UD":"1","FD":"1"}', '{“ID":"vm3","UD":"2","FD":"2"}']


def run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def in_each(verb: Sequence[str], name: str) -> list[str]:
    local = " ".join(LOCAL)
    asked = [f"{local} exec --name {name} {vm} {ASK}; echo" for vm in ("vm1", "vm2", "vm3")]
    return [*LOCAL, *verb, "--name", name, "--", "sh", "-c", "\n".join(asked)]


def test_each_vm_is_told_its_own_name_at_the_real_address() -> None:
    """The command of the post that announced the service, in each of three VMs: each VM's own document."""
    ran = run(in_each(["run"], "drainer-test"))
    assert (ran.returncode, ran.stdout.splitlines()) == (0, SEED), ran.stderr


def test_it_needs_no_root() -> None:
    """The same as a user without any right, by a user namespace."""
    ran = run(as_nobody(in_each(["run"], "drainer-test")))
    if "no namespaces of our own" in ran.stderr and os.environ.get("CI") != "true":
        pytest.skip(ran.stderr.strip())
    assert (ran.returncode, ran.stdout.splitlines()) == (0, SEED), ran.stderr


def test_a_command_s_own_exit_code_comes_back_and_nothing_stays_behind() -> None:
    """`run` ends as its command did, and leaves no namespace and no process of it."""
    before = _namespaces()
    ran = run([*LOCAL, "run", "--name", "drainer-seven", "--", "sh", "-c", "exit 7"])
    assert (ran.returncode, ran.stderr) == (7, "")
    assert _namespaces() == before
    assert not list(_running(b"drainer-seven"))


def test_told_to_end_run_stops_what_it_started() -> None:
    """By `timeout`, say: the command and the metadata server end with it."""
    served = set(_running(b"metadata_server"))
    told = subprocess.Popen([*LOCAL, "run", "--name", "drainer-told", "--", "sleep", "601.5"])
    try:
        until(lambda: any(_running(b"sleep\x00601.5", first=True)), "the command")
        told.terminate()
        assert told.wait(timeout=60) == 128 + signal.SIGTERM
        assert not any(_running(b"sleep\x00601.5"))
        assert set(_running(b"metadata_server")) <= served
    finally:
        told.kill()


@pytest.mark.skipif(os.geteuid() != 0, reason="namespaces that outlive their command need root")
def test_up_stays_until_down() -> None:
    """`up`, then `exec` from anywhere, then `down` with a process still in a VM: everything is gone."""
    name = f"drainer-t{os.getpid()}"
    before = _namespaces()
    try:
        assert run([*LOCAL, "up", "--name", name]).stdout.splitlines()[:3] == [
            "vm1 10.77.0.11",
            "vm2 10.77.0.12",
            "vm3 10.77.0.13",
        ]
        asked = run([*LOCAL, "exec", "--name", name, "vm2", *ASK.split()])
        assert asked.stdout == SEED[1]
        left = subprocess.Popen([*LOCAL, "exec", "--name", name, "vm1", "sleep", "600"])
    finally:
        down = run([*LOCAL, "down", "--name", name])
    assert (down.returncode, down.stdout) == (0, "down: 4 namespaces\n")
    assert left.wait(timeout=60) != 0
    assert _namespaces() == before


@pytest.mark.skipif(os.geteuid() != 0, reason="a namespace with a name needs root")
def test_what_enters_in_the_last_moment_is_killed_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Just before its name goes: `down` leaves no process in a namespace that nobody can find any more."""
    network = Network(name=f"drainer-l{os.getpid()}", vms=("vm1",))
    network.up()
    late: list[subprocess.Popen[bytes]] = []

    def entered(*arguments: str) -> str:
        if arguments == ("netns", "delete", network.namespace("vm1")):
            late.append(subprocess.Popen([*network.inside("vm1"), "sleep", "602.5"]))
            until(lambda: network.pids("vm1"), "a process inside")
        return ip(*arguments)

    monkeypatch.setattr(namespaces, "ip", entered)
    network.down()
    try:
        assert late[0].wait(timeout=10) != 0
    finally:
        late[0].kill()


def _namespaces() -> set[str]:
    named = Path("/run/netns")
    return {path.name for path in named.iterdir()} if named.exists() else set()


def _running(word: bytes, *, first: bool = False) -> Iterator[Path]:
    """Processes whose command holds the word, or begins with it."""
    for line in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = line.read_bytes()
            if command.startswith(word) if first else word in command:
                yield line
        except OSError:
            continue
