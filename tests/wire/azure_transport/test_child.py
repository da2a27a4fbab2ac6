"""The management API through a real child process, over real TLS on loopback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest

from drainer.errors import DrainerError, Transient
from drainer.management import Running, Succeeded
from drainer.transport.azure.framing import read_answer, write_call
from drainer.transport.azure.peer import COMMAND, ArmSettings, ChildArm
from drainer.transport.azure.settings import environment
from tests.until import until
from tests.wire.azure_transport.management import NIC, NIC_ID, VM_ID, World, certificate, served

T = TypeVar("T")
NEVER_S = 600.0
OTHER_ID = NIC_ID.replace("/n", "/other")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[tuple[World, ArmSettings]]:
    with served(tmp_path) as found:
        yield found


@pytest.fixture
def world(place: tuple[World, ArmSettings]) -> World:
    return place[0]


@pytest.fixture
def settings(place: tuple[World, ArmSettings]) -> ArmSettings:
    return place[1]


@pytest.fixture
def arm(settings: ArmSettings) -> Iterator[ChildArm]:
    made = ChildArm(settings, patience_s=0.2, longest_s=NEVER_S)
    yield made
    made.close()


def collected(ask: Callable[[], T]) -> T:
    """The answer to a call that is made again while it is slow."""
    found: list[T] = []

    def answered() -> bool:
        try:
            found.append(ask())
        except Transient as error:
            if error.kind != "azure-slow":
                raise
        return bool(found)

    until(answered, "an answer of the child")
    return found[0]


def scripted(program: str, *, longest_s: float = NEVER_S) -> ChildArm:
    """A child of a few lines."""
    command = (sys.executable, "-c", program)
    return ChildArm(ArmSettings(), command=command, patience_s=0.2, longest_s=longest_s)


def trouble(ask: Callable[[], object]) -> DrainerError:
    with pytest.raises(DrainerError) as caught:
        collected(ask)
    return caught.value


def slow(ask: Callable[[], object]) -> None:
    with pytest.raises(Transient) as caught:
        ask()
    assert caught.value.kind == "azure-slow"


def children() -> set[int]:
    """Living processes that this one started."""
    found = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return {int(pid) for pid in found if _living(int(pid))}


def _living(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    return False


def the_child(before: set[int]) -> int:
    (pid,) = children() - before
    return pid


def test_it_reads_writes_and_follows_end_to_end(arm: ChildArm, world: World) -> None:
    """With every member, the etag, the token and a pinned version, and no request more than needed."""
    assert collected(arm.instance) == {"compute": {"name": "vm1"}}
    found = collected(lambda: arm.get(NIC_ID))
    assert found == NIC
    operation = collected(lambda: arm.begin_put(NIC_ID, found, if_match=found["etag"]))
    assert world.bodies == [NIC]
    assert world.headers[-1]["If-Match"] == NIC["etag"]
    assert world.headers[-1]["Authorization"] == "Bearer tok"
    assert collected(lambda: arm.operation(operation)) == Running()
    until(lambda: collected(lambda: arm.operation(operation)) == Succeeded(), "the end of the operation")
    assert [line.split(" ")[0] for line in world.asked] == ["GET", "PUT", "GET", "GET"]
    assert all("api-version=2024-05-01" in line for line in world.asked[:2])
    assert collected(lambda: arm.get(VM_ID)) == NIC
    assert "api-version=2024-07-01" in world.asked[-1]


def test_an_authority_that_is_not_ours_is_unreachable(settings: ArmSettings, tmp_path: Path) -> None:
    """And nothing was asked of it."""
    arm = ChildArm(replace(settings, ca_file=str(certificate(tmp_path / "other.pem"))))
    try:
        assert trouble(lambda: arm.get(NIC_ID)).kind == "azure-unreachable"
    finally:
        arm.close()


def test_a_slow_answer_is_collected_by_the_same_call_without_a_second_request(
    arm: ChildArm, world: World
) -> None:
    """The deciding thread is let go meanwhile."""
    collected(arm.instance)
    world.gate.clear()
    slow(lambda: arm.get(NIC_ID))
    slow(lambda: arm.get(NIC_ID))
    until(lambda: world.count("GET") == 1, "the request")
    world.gate.set()
    assert collected(lambda: arm.get(NIC_ID)) == NIC
    assert world.count("GET") == 1


def test_the_answer_to_a_write_is_kept_while_another_call_is_made(arm: ChildArm, world: World) -> None:
    """It is collected later, and the write is not repeated."""
    collected(arm.instance)
    world.gate.clear()
    slow(lambda: arm.begin_put(NIC_ID, NIC))
    until(lambda: world.count("PUT") == 1, "the write")
    slow(lambda: arm.get(OTHER_ID))
    world.gate.set()
    assert collected(lambda: arm.get(OTHER_ID)) == NIC
    operation = collected(lambda: arm.begin_put(NIC_ID, NIC))
    assert operation.resource_id == NIC_ID
    assert world.count("PUT") == 1


def test_the_answer_to_a_read_is_not_kept(arm: ChildArm, world: World) -> None:
    """It is old by the time that it is asked for again."""
    collected(arm.instance)
    world.gate.clear()
    slow(lambda: arm.get(NIC_ID))
    until(lambda: world.count("GET") == 1, "the read")
    world.gate.set()
    collected(lambda: arm.get(OTHER_ID))
    collected(lambda: arm.get(NIC_ID))
    assert world.count("GET") == 3


def test_a_child_killed_during_a_read_is_unreachable_and_another_takes_over(
    arm: ChildArm, world: World
) -> None:
    """Reading again is harmless."""
    before = children()
    collected(arm.instance)
    world.gate.clear()
    slow(lambda: arm.get(NIC_ID))
    os.kill(the_child(before), signal.SIGKILL)
    assert trouble(lambda: arm.get(NIC_ID)).kind == "azure-unreachable"
    world.gate.set()
    assert collected(lambda: arm.get(NIC_ID)) == NIC


@pytest.mark.parametrize("collector", ["the write", "another call"])
def test_a_child_killed_during_a_write_is_a_lost_write(arm: ChildArm, world: World, collector: str) -> None:
    """Whoever asks next learns of it: the write may have been done."""
    before = children()
    collected(arm.instance)
    world.gate.clear()
    slow(lambda: arm.begin_put(NIC_ID, NIC))
    until(lambda: world.count("PUT") == 1, "the write")
    os.kill(the_child(before), signal.SIGKILL)
    if collector == "the write":
        assert trouble(lambda: arm.begin_put(NIC_ID, NIC)).kind == "azure-lost"
    else:
        assert trouble(lambda: arm.get(NIC_ID)).kind == "azure-lost"
    assert world.count("PUT") == 1


def test_an_operation_outlives_its_child(arm: ChildArm, world: World) -> None:
    """The next child tells by the resource, and its own first write is not taken for that one."""
    first = collected(lambda: arm.begin_put(NIC_ID, NIC))
    arm.rest()
    second = collected(lambda: arm.begin_put(NIC_ID, NIC))
    assert first != second
    assert collected(lambda: arm.operation(first)) == Succeeded()
    assert world.polls == 0


def test_a_call_that_is_never_answered_ends_the_child() -> None:
    """A read is unreachable then, a write is lost."""
    before = children()
    arm = scripted("import sys; sys.stdin.read()", longest_s=0.3)
    assert trouble(lambda: arm.get(NIC_ID)).kind == "azure-unreachable"
    assert trouble(lambda: arm.begin_put(NIC_ID, NIC)).kind == "azure-lost"
    assert children() == before


def test_rest_leaves_no_process_and_may_be_said_twice(arm: ChildArm) -> None:
    """And before there is any."""
    before = children()
    arm.rest()
    collected(arm.instance)
    assert len(children() - before) == 1
    arm.rest()
    arm.rest()
    assert children() == before


@pytest.mark.parametrize(
    "said",
    ["hello", "[]", '{"n": 1}', "\\xff"],
)
def test_garbage_ends_the_child(said: str) -> None:
    """It is told in the reason; a write is lost."""
    before = children()
    program = f"import sys; sys.stdin.readline(); print({said!r}, flush=True); sys.stdin.readline()"
    arm = scripted(program)
    read, write = trouble(lambda: arm.get(NIC_ID)), trouble(lambda: arm.begin_put(NIC_ID, {}))
    assert (read.kind, write.kind) == ("azure-unreachable", "azure-lost")
    assert "something else" in read.reason
    assert children() == before


def test_an_answer_to_an_earlier_call_is_passed_over() -> None:
    """Only the number that was asked for counts."""
    program = (
        "import json,sys\n"
        "for line in sys.stdin:\n"
        "    n = json.loads(line)['n']\n"
        "    print(json.dumps({'n': n - 1, 'result': {'old': 1}}), flush=True)\n"
        "    print(json.dumps({'n': n, 'result': {'new': 1}}), flush=True)\n"
    )
    arm = scripted(program)
    try:
        assert collected(lambda: arm.get(NIC_ID)) == {"new": 1}
    finally:
        arm.close()


def test_the_last_words_of_a_child_that_fails_are_told() -> None:
    """The reason names what it said of it."""
    arm = scripted("raise SystemExit('no such module here')")
    assert "no such module here" in trouble(lambda: arm.get(NIC_ID)).reason


def test_a_child_that_cannot_be_started_is_unreachable() -> None:
    """Nothing was asked: also a write is not lost."""
    arm = ChildArm(ArmSettings(), command=("/nonexistent/python",))
    assert trouble(lambda: arm.get(NIC_ID)).kind == "azure-unreachable"
    assert trouble(lambda: arm.begin_put(NIC_ID, {})).kind == "azure-unreachable"


def test_the_parents_death_leaves_no_orphan(settings: ArmSettings) -> None:
    """Even where the parent is killed with a call under way."""
    program = (
        "import sys, threading\n"
        "from drainer.transport.azure.peer import ArmSettings, ChildArm\n"
        f"arm = ChildArm(ArmSettings(metadata_url={settings.metadata_url!r}), patience_s=60)\n"
        "arm.instance()\n"
        "print(arm._process.pid, flush=True)\n"
        "threading.Event().wait()\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    with parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert _living(child)
        parent.kill()
    until(lambda: not _living(child), "the child's end")


def test_the_end_of_its_input_is_the_end_of_the_child(settings: ArmSettings) -> None:
    """Every call before it is answered, and nothing else is said."""
    calls = [write_call(1, "instance", {}), write_call(2, "get", {"id": NIC_ID})]
    ended = subprocess.run(
        COMMAND,
        input=b"".join(calls),
        capture_output=True,
        env={**os.environ, **environment(settings)},
        check=True,
        timeout=NEVER_S,
    )
    found = [read_answer(line) for line in ended.stdout.splitlines()]
    assert [answer.result for answer in found] == [{"compute": {"name": "vm1"}}, NIC]


def test_without_a_metadata_service_neither_identity_nor_instance_is_told(settings: ArmSettings) -> None:
    """Both pass: it may come back."""
    arm = ChildArm(replace(settings, metadata_url="http://127.0.0.1:9"), patience_s=0.2, longest_s=NEVER_S)
    try:
        assert trouble(arm.instance).kind == "azure-unreachable"
        assert trouble(lambda: arm.get(NIC_ID)).kind == "azure-token"
    finally:
        arm.close()


def test_the_daemon_loads_nothing_of_azure() -> None:
    """Neither Azure's packages nor what they bring: only the child pays for them."""
    program = (
        "import sys\n"
        "import drainer.daemon, drainer.transport.azure.peer\n"
        "print(sorted({name.split('.')[0] for name in sys.modules} & {'azure', 'msal', 'requests'}))\n"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
