"""One daemon per VM on this host, and nobody else who could keep it away."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from drainer.errors import Broken, Transient
from drainer.hostlock import HostLock

NOBODY = 65534

SQUATS = """\
import os, socket, sys
os.setuid(int(sys.argv[3]))
held = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
held.bind(bytes.fromhex(sys.argv[1]))
if sys.argv[2] == "listens":
    held.listen(1)
print("held", flush=True)
sys.stdin.read()
"""

as_root = pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root becomes another user")


@pytest.fixture
def vm() -> str:
    """A VM of no other test's."""
    return f"vm-{uuid.uuid4()}"


@contextmanager
def squatting(vm: str, how: str) -> Iterator[None]:
    """Another user's process holds the VM's name."""
    command = [sys.executable, "-c", SQUATS, f"\0drainer/{vm}".encode().hex(), how, str(NOBODY)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        yield
        process.stdin.close()


def test_a_second_daemon_of_a_vm_is_locked_out(vm: str) -> None:
    """While one holds the VM another is told so, and may have it once the first let go."""
    one, other = HostLock(), HostLock()
    one.take(vm)
    with pytest.raises(Transient, match="locked"):
        other.take(vm)
    one.release()
    other.take(vm)
    other.release()


def test_a_name_of_any_length_is_a_name(vm: str) -> None:
    """A name that the kernel cannot hold is had by one daemon, and told from others like it."""
    one, two, again = HostLock(), HostLock(), HostLock()
    one.take(vm * 9)
    two.take(f"{vm * 9}x")
    with pytest.raises(Transient, match="locked"):
        again.take(vm * 9)
    one.release()
    two.release()


def test_a_vm_that_is_known_by_another_name_lets_go_of_the_first(vm: str) -> None:
    """One life holds one name: the newer one, as often as it is asked for."""
    one, other = HostLock(), HostLock()
    one.take(vm)
    for _ in range(2):
        one.take(f"{vm}-id")
    other.take(vm)
    with pytest.raises(Transient, match="locked"):
        other.take(f"{vm}-id")
    other.take(vm)
    one.release()
    other.release()


@as_root
@pytest.mark.parametrize("how", ["listens", "hides"])
def test_another_user_holds_no_lock_that_counts(vm: str, how: str) -> None:
    """Who may not run a daemon here keeps none away: it is told who holds the name, or that nobody says."""
    with squatting(vm, how), pytest.raises(Broken) as usurped:
        HostLock().take(vm)
    assert usurped.value.kind == "lock-usurped"
    assert f"uid {NOBODY if how == 'listens' else -1}" in usurped.value.reason
